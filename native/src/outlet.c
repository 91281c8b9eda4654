/* outlet.c - see outlet.h. */
#include "outlet.h"

#include <string.h>

#include "mpe_in.h"

static const uint64_t LATELY = 8192; /* frames; what left within these may be lost in an xrun that we are told of */

/* [process] */
static void remember_end(rp_outlet *outlet, uint32_t port, uint8_t channel, uint8_t pitch) {
    outlet->ended[outlet->ends++ % RP_ENDED_MAX] = (rp_ended){outlet->now, (uint8_t)port, channel, pitch};
}

/* What went out is what may be sounding beyond the port; with no listener nothing changed there, and a note that begins
 * is not the one that sounds there. [process] */
static void remember(rp_outlet *outlet, uint32_t port, const uint8_t byte[3]) {
    uint8_t channel = byte[0] & 15, bit = (uint8_t)(1u << (byte[1] & 7)), place = byte[1] >> 3 & 15;
    if (byte[0] >= 0xF0) return;
    rp_midi_message message = {.size = 3, .byte = {byte[0], byte[1], byte[2]}};
    uint8_t *notes = &outlet->box->note[port][channel][place], *heard = &outlet->heard[port][channel][place];
    int begins = rp_midi_is_note_on(&message), ends = rp_midi_is_note_off(&message);
    int sustain = rp_midi_kind(&message) == RP_MIDI_CONTROL && byte[1] == RP_CC_SUSTAIN;
    if (begins || ends) *heard &= (uint8_t)~bit;
    if (!(outlet->connected >> port & 1)) return;
    if (ends || (sustain && !byte[2])) remember_end(outlet, port, channel, ends ? byte[1] : RP_PITCHES);
    if (begins) {
        *notes |= bit;
        *heard |= bit;
    } else if (ends) {
        *notes &= (uint8_t)~bit;
    } else if (sustain) {
        outlet->box->pedal[port][channel] = byte[2];
    }
}

/* [process] */
static int deliver(rp_outlet *outlet, uint32_t port, const uint8_t *data, uint32_t size) {
    uint32_t offset = (uint32_t)(outlet->now - outlet->start);
    return outlet->sink->write(outlet->sink, port, offset, data, size);
}

/* Does it end a note, or let go a pedal that is down? [process] */
static int ends_sound(const rp_outlet *outlet, uint32_t port, const rp_midi_message *message) {
    int sustain = rp_midi_kind(message) == RP_MIDI_CONTROL && message->byte[1] == RP_CC_SUSTAIN;
    if (sustain) return message->byte[2] == 0 && outlet->pedal[port][message->byte[0] & 15] != 0;
    return rp_midi_is_note_off(message);
}

/* Put a short message at the backlog's end. [process] */
static int postpone(rp_outlet *outlet, uint32_t port, const rp_midi_message *message, int ends) {
    uint32_t room = ends ? RP_BACKLOG_MAX : RP_BACKLOG_OTHERS;
    if (message->data || outlet->waiting >= room) {
        outlet->stats->lost++;
        return 0;
    }
    rp_waiting *place = &outlet->backlog[(outlet->first + outlet->waiting++) % RP_BACKLOG_MAX];
    *place = (rp_waiting){.due = outlet->now, .port = (uint8_t)port, .size = (uint8_t)message->size};
    memcpy(place->byte, message->byte, sizeof place->byte);
    outlet->blocked |= 1u << port;
    return 1;
}

/* Keep what must be undone at the end. [process] */
static void keep_control(rp_outlet *outlet, uint32_t port, const rp_midi_message *message) {
    uint8_t kind = rp_midi_kind(message), channel = message->byte[0] & 15;
    uint16_t bit = (uint16_t)(1u << channel);
    if (kind >= RP_MIDI_SYSEX) return;
    outlet->touched[port] |= bit;
    if (kind == RP_MIDI_CONTROL && message->byte[1] == RP_CC_SUSTAIN) outlet->pedal[port][channel] = message->byte[2];
    if (rp_mpe_is_wheel(message)) rp_mpe_turn(&outlet->sent[port][channel], message);
    if (kind != RP_MIDI_BEND) return;
    int centred = message->byte[1] == 0 && message->byte[2] == 64;
    outlet->bent[port] = centred ? outlet->bent[port] & (uint16_t)~bit : outlet->bent[port] | bit;
}

/* Now, or as soon as there is room. [process] */
static int leave(rp_outlet *outlet, uint32_t port, const rp_midi_message *message, int ends) {
    const uint8_t *data = message->data ? message->data : message->byte;
    int sent = !(outlet->blocked >> port & 1) && deliver(outlet, port, data, message->size);
    if (!sent && !postpone(outlet, port, message, ends)) return 0;
    if (sent && !message->data) remember(outlet, port, message->byte);
    return 1;
}

/* The port whose message leaves first of all that are held back; RP_PORTS_MAX: none is. [process] */
static uint32_t first_to_leave(const rp_outlet *outlet) {
    uint32_t best = RP_PORTS_MAX;
    uint64_t due = UINT64_MAX;
    for (uint32_t port = 0; outlet->delayed && port < outlet->ports; port++) {
        uint16_t first = outlet->first_later[port];
        if (!first || outlet->later[first - 1].due >= due) continue;
        due = outlet->later[first - 1].due;
        best = port;
    }
    return best;
}

/* A port's oldest message that is held back leaves; `begin`: even if it begins a note. [process] */
static void release_one(rp_outlet *outlet, uint32_t port, int begin) {
    uint16_t place = outlet->first_later[port];
    const rp_waiting one = outlet->later[place - 1];
    rp_midi_message message = {.size = one.size, .byte = {one.byte[0], one.byte[1], one.byte[2]}};
    outlet->first_later[port] = one.next;
    outlet->later[place - 1].next = outlet->spare;
    outlet->spare = place;
    outlet->delayed--;
    if (begin || !rp_midi_is_note_on(&message)) leave(outlet, port, &message, one.ends);
}

/* Those held back until `frame` leave at their frames. [process] */
static void release_until(rp_outlet *outlet, uint64_t frame) {
    uint64_t now = outlet->now;
    for (uint32_t port; (port = first_to_leave(outlet)) < RP_PORTS_MAX;) {
        uint64_t due = outlet->later[outlet->first_later[port] - 1].due;
        if (due > frame) break;
        outlet->now = due > outlet->start ? due : outlet->start;
        release_one(outlet, port, 1);
    }
    outlet->now = now;
}

/* A place to hold a message back in: place + 1. There is one. [process] */
static uint16_t take_place(rp_outlet *outlet) {
    uint16_t place = outlet->spare;
    if (place) outlet->spare = outlet->later[place - 1].next;
    else place = ++outlet->untouched;
    return place;
}

/* [process] */
static void hold_back(rp_outlet *outlet, uint32_t port, const rp_midi_message *message, int ends) {
    if (outlet->delayed == RP_DELAYED_MAX) release_one(outlet, first_to_leave(outlet), 1);
    uint64_t due = outlet->now + outlet->delay + outlet->shift[port], before = 0;
    uint16_t place = take_place(outlet), last = outlet->first_later[port] ? outlet->last_later[port] : 0;
    if (last) before = outlet->later[last - 1].due;
    rp_waiting *one = &outlet->later[place - 1];
    *one = (rp_waiting){.due = due > before ? due : before, .port = (uint8_t)port, .ends = (uint8_t)ends};
    one->size = (uint8_t)message->size;
    memcpy(one->byte, message->byte, sizeof one->byte);
    if (last) outlet->later[last - 1].next = place;
    else outlet->first_later[port] = place;
    outlet->last_later[port] = place;
    outlet->delayed++;
}

/* Racks hear it at once. What belongs to a note or pedal of an earlier rig is for that rig's rack, too. [process] */
static void let_hear(const rp_outlet *outlet, uint32_t port, const rp_midi_message *message) {
    uint32_t offset = (uint32_t)(outlet->now - outlet->start);
    int begins = rp_midi_is_note_on(message);
    if (outlet->rack && !(begins && outlet->belated))
        rp_rack_hear(outlet->rack, port, offset, message->byte, message->size);
    if (begins && !outlet->belated) return;
    for (uint32_t i = 0; i < RP_LEAVING_MAX; i++)
        if (outlet->leaving[i]) rp_rack_hear(outlet->leaving[i], port, offset, message->byte, message->size);
}

int rp_outlet_send(rp_outlet *outlet, uint32_t port, const rp_midi_message *message) {
    if (port >= outlet->ports) return 0;
    int ends = ends_sound(outlet, port, message);
    release_until(outlet, outlet->now);
    int later = outlet->delay || outlet->shift[port] || outlet->first_later[port];
    if (later && !message->data) hold_back(outlet, port, message, ends);
    else if (!leave(outlet, port, message, ends)) return 0;
    keep_control(outlet, port, message);
    if (!message->data) let_hear(outlet, port, message);
    return 1;
}

int rp_outlet_tell(rp_outlet *outlet, uint32_t port, const rp_midi_message *message) {
    return port < outlet->ports && leave(outlet, port, message, 0);
}

/* Send what waited, oldest first; a port that is still full keeps the rest of its messages waiting. [process] */
static void flush(rp_outlet *outlet) {
    uint32_t n = outlet->waiting, full = 0;
    for (uint32_t i = 0; i < n; i++) {
        rp_waiting one = outlet->backlog[outlet->first];
        outlet->first = (outlet->first + 1) % RP_BACKLOG_MAX;
        outlet->waiting--;
        if (!(full >> one.port & 1) && deliver(outlet, one.port, one.byte, one.size)) {
            remember(outlet, one.port, one.byte);
            outlet->stats->late++;
            continue;
        }
        full |= 1u << one.port;
        outlet->backlog[(outlet->first + outlet->waiting++) % RP_BACKLOG_MAX] = one;
    }
    outlet->blocked = full;
}

/* A listener came to a port: end what may sound there and is not ours to sound, at once and there alone. A note that
 * began while nobody listened is not what sounds there, even if it is on the same pitch. [process] */
static void sweep(rp_outlet *outlet, uint32_t port) {
    for (uint8_t channel = 0; channel < RP_CHANNELS; channel++) {
        for (uint8_t pitch = 0; pitch < RP_PITCHES; pitch++) {
            uint8_t may = outlet->box->note[port][channel][pitch >> 3], ours = outlet->heard[port][channel][pitch >> 3];
            if (!((may & ~ours) >> (pitch & 7) & 1)) continue;
            rp_midi_message off = rp_midi_short(RP_MIDI_NOTE_OFF | channel, pitch, 64);
            leave(outlet, port, &off, 1);
        }
        if (!outlet->box->pedal[port][channel] || outlet->pedal[port][channel]) continue;
        rp_midi_message up = rp_midi_short(RP_MIDI_CONTROL | channel, RP_CC_SUSTAIN, 0);
        leave(outlet, port, &up, 1);
    }
}

/* Does it sound again since it ended? [process] */
static int sounds_again(const rp_outlet *outlet, const rp_ended *one) {
    if (one->pitch == RP_PITCHES) return outlet->pedal[one->port][one->channel] != 0;
    return outlet->heard[one->port][one->channel][one->pitch >> 3] >> (one->pitch & 7) & 1;
}

/* What ended lately ends once more: where it did not arrive a note would be stuck, and twice does no harm. [process] */
static void end_again(rp_outlet *outlet) {
    uint32_t count = outlet->ends < RP_ENDED_MAX ? outlet->ends : RP_ENDED_MAX;
    for (uint32_t i = 1; i <= count; i++) {
        const rp_ended *one = &outlet->ended[(outlet->ends - i) % RP_ENDED_MAX];
        if (one->frame + LATELY < outlet->start) return;
        if (sounds_again(outlet, one) || outlet->blocked >> one->port & 1) continue;
        rp_midi_message end = rp_midi_short(RP_MIDI_NOTE_OFF | one->channel, one->pitch, 64);
        if (one->pitch == RP_PITCHES) end = rp_midi_short(RP_MIDI_CONTROL | one->channel, RP_CC_SUSTAIN, 0);
        deliver(outlet, one->port, end.byte, end.size);
    }
}

void rp_outlet_set_shift(rp_outlet *outlet, uint32_t port, uint32_t frames) {
    if (port < RP_PORTS_MAX) atomic_store_explicit(&outlet->wanted_shift[port], frames, memory_order_relaxed);
}

void rp_outlet_begin(rp_outlet *outlet, const rp_cycle *cycle) {
    uint32_t came = outlet->came = cycle->connected & ~outlet->connected;
    outlet->sink = cycle->sink;
    outlet->start = outlet->now = cycle->frame;
    outlet->connected = cycle->connected;
    outlet->delay = outlet->rack ? rp_rack_midi_delay(outlet->rack) : 0;
    for (uint32_t port = 0; port < outlet->ports; port++)
        outlet->shift[port] = atomic_load_explicit(&outlet->wanted_shift[port], memory_order_relaxed);
    if (outlet->waiting) flush(outlet);
    for (uint32_t port = 0; came && port < outlet->ports; port++)
        if (came >> port & 1) sweep(outlet, port);
    if (cycle->lost & RP_LOST_OUTPUT) end_again(outlet);
}

void rp_outlet_end(rp_outlet *outlet, const rp_cycle *cycle) {
    if (cycle->frames) release_until(outlet, cycle->frame + cycle->frames - 1);
}

void rp_outlet_hurry(rp_outlet *outlet) {
    while (outlet->delayed) release_one(outlet, first_to_leave(outlet), 0);
    outlet->delay = 0;
    memset(outlet->shift, 0, sizeof outlet->shift);
}

int rp_outlet_empty(const rp_outlet *outlet) { return !outlet->waiting && !outlet->delayed; }

int rp_outlet_note_on(rp_outlet *outlet, const rp_note *note, const rp_midi_message *raw) {
    uint16_t *sharing = &outlet->sounding[note->port][note->channel][note->pitch];
    rp_midi_message on = rp_midi_short(RP_MIDI_NOTE_ON | note->channel, note->pitch, note->velocity);
    if (*sharing && !raw) { /* struck again: end the sound before, so that ons and offs stay in pairs */
        rp_midi_message off = rp_midi_short(RP_MIDI_NOTE_OFF | note->channel, note->pitch, 64);
        rp_outlet_send(outlet, note->port, &off);
    }
    outlet->belated = note->rig < outlet->since;
    int sent = rp_outlet_send(outlet, note->port, raw ? raw : &on);
    outlet->belated = 0;
    *sharing = (uint16_t)(*sharing + sent);
    return sent;
}

void rp_outlet_note_off(rp_outlet *outlet, const rp_note *note, const rp_midi_message *raw) {
    uint16_t *sharing = &outlet->sounding[note->port][note->channel][note->pitch];
    int thru = note->instrument == RP_NO_INSTRUMENT;
    rp_midi_message off = rp_midi_short(RP_MIDI_NOTE_OFF | note->channel, note->pitch, 64);
    if (raw) off = rp_midi_short((raw->byte[0] & 0xF0) | note->channel, note->pitch, raw->byte[2]);
    (*sharing)--;
    if (*sharing == 0 || (thru && raw)) rp_outlet_send(outlet, note->port, &off);
}

void rp_outlet_broadcast(rp_outlet *outlet, const uint16_t channels[RP_PORTS_MAX], const rp_midi_message *message) {
    for (uint32_t port = 0; port < outlet->ports; port++) {
        for (uint8_t channel = 0; channels[port] >> channel; channel++) {
            if (!(channels[port] >> channel & 1)) continue;
            rp_midi_message copy = *message;
            copy.byte[0] = (message->byte[0] & 0xF0) | channel;
            rp_outlet_send(outlet, port, &copy);
        }
    }
}

void rp_outlet_silence(rp_outlet *outlet, int hard) {
    uint16_t pedals[RP_PORTS_MAX] = {0}, bent[RP_PORTS_MAX], touched[RP_PORTS_MAX];
    memcpy(bent, outlet->bent, sizeof bent);
    memcpy(touched, outlet->touched, sizeof touched);
    for (uint32_t port = 0; port < outlet->ports; port++)
        for (uint8_t channel = 0; channel < RP_CHANNELS; channel++)
            if (outlet->pedal[port][channel]) pedals[port] |= (uint16_t)(1u << channel);
    rp_midi_message up = rp_midi_short(RP_MIDI_CONTROL, RP_CC_SUSTAIN, 0),
                    straight = rp_midi_short(RP_MIDI_BEND, 0, 64);
    rp_midi_message notes = rp_midi_short(RP_MIDI_CONTROL, RP_CC_ALL_NOTES_OFF, 0);
    rp_midi_message sound = rp_midi_short(RP_MIDI_CONTROL, RP_CC_ALL_SOUND_OFF, 0);
    rp_outlet_broadcast(outlet, pedals, &up);
    rp_outlet_broadcast(outlet, bent, &straight);
    if (!hard) return;
    rp_outlet_broadcast(outlet, touched, &notes);
    rp_outlet_broadcast(outlet, touched, &sound);
}
