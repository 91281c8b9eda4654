-- Ardour records what JACK ports play, each on a MIDI track of its own; see tests/daemon/test_ardour.py.
--
--   ardour7-lua record.lua FOLDER RATE CLOCK PORT...     such as: take 48000 jack "ripieno:Violin 1" ripieno:Cello
--
-- With the clock "jack" it follows JACK's transport, with "internal" it has its own.
--
-- It tells each step on standard output, and takes the next one when a line on standard input says so:
--   ready                       the tracks are there, connected and armed, and MIDI clock is sent
--   rolling                     after the line "roll"
--   track <tab> NAME <tab> FRAME <tab> FILE    after the line "stop": what was recorded, and where the file begins
--
-- A tick of Ardour's (a beat has 1920) is made one frame long, since it rounds each event of a file to the next tick:
-- so nothing is lost, at a tempo that is good for nothing else (1500 a minute at 48 kHz).

local folder, rate, clock, ports = arg[1], math.tointeger(tonumber(arg[2])), arg[3], { table.unpack(arg, 4) }

local function say(...)
    io.write(table.concat({ ... }, "\t"), "\n")
    io.flush()
end

local function await(condition, what)
    for _ = 1, 3000 do
        if condition() then return end
        sleep(0.01)
    end
    error("Ardour never came to this: " .. what)
end

local function hear(word)
    local line = io.read("l")
    if line ~= word then error("told " .. tostring(line) .. " in place of " .. word) end
end

local function make_session()
    if AudioEngine:set_backend("JACK", "ardour", ""):isnil() then error("this Ardour knows no JACK") end
    if not create_session(folder, "take", rate) then error("Ardour makes no session in " .. folder) end
    ARDOUR.config():set_send_midi_clock(true)
    Session:cfg():set_external_sync(clock == "jack")
    local map, tempo = Temporal.TempoMap.fetch_writable(), rate * 60 / Temporal.ticks_per_beat
    map:set_tempo(Temporal.Tempo(tempo, tempo, 4), Temporal.timepos_t(0))
    Temporal.TempoMap.update(map)
end

-- It moves what it records by the loudspeakers' latency, to where it was heard; nobody hears it here.
local function leave_loudspeakers()
    local flags = ARDOUR.PortFlags.IsOutput
    local _, found = AudioEngine:get_backend_ports("", ARDOUR.DataType("audio"), flags, C.StringVector())
    for port in found[4]:iter() do
        local _, ends = AudioEngine:get_connections(port, C.StringVector())
        for other in ends[2]:iter() do AudioEngine:disconnect(port, other) end
    end
    await(function() return Session:worst_output_latency() == 0 end, "it has no latency")
end

local function make_track(port)
    local midi = ARDOUR.ChanCount(ARDOUR.DataType("midi"), 1)
    local name = port:match(":(.*)")
    local order, mode = ARDOUR.PresentationInfo.max_order, ARDOUR.TrackMode.Normal
    local tracks = Session:new_midi_track(midi, midi, true, ARDOUR.PluginInfo(), nil, nil, 1, name, order, mode, false)
    local track = tracks:front()
    if track:input():nth(0):connect(port) ~= 0 then error("Ardour does not connect " .. port) end
    return track
end

local function arm(track)
    local control = track:rec_enable_control()
    control:set_value(1, PBD.GroupControlDisposition.NoGroup)
    await(function() return control:get_value() == 1 end, "a track is armed")
end

local function roll()
    Session:maybe_enable_record(false)
    Session:request_roll(ARDOUR.TransportRequestSource.TRS_UI)
    await(function() return Session:transport_rolling() and Session:actively_recording() end, "it records")
end

local function stop(tracks)
    Session:request_stop(false, false, ARDOUR.TransportRequestSource.TRS_UI)
    await(function() return Session:transport_stopped() end, "it stops")
    for _, track in ipairs(tracks) do
        await(function() return track:playlist():region_list():size() == 1 end, track:name() .. " was recorded")
    end
end

local function tell(track)
    for region in track:playlist():region_list():iter() do
        local file = region:source(0):to_filesource()
        say("track", track:name(), string.format("%d", region:position():samples()), file:path())
    end
end

make_session()
local tracks = {}
for _, port in ipairs(ports) do table.insert(tracks, make_track(port)) end
leave_loudspeakers()
for _, track in ipairs(tracks) do arm(track) end
Session:cfg():set_jack_time_master(false) -- JACK's transport has frames alone: whoever follows it takes his own tempo
say("ready")
hear("roll")
roll()
say("rolling")
hear("stop")
stop(tracks)
Session:save_state("")
for _, track in ipairs(tracks) do tell(track) end
