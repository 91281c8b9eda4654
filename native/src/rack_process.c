/* rack_process.c - a rack's part of a cycle. See rack_state.h.
 *
 * A strip's sound is made, delayed to the slowest strip's, added to the mix; the mix goes through the master. A fade
 * lies on all that leaves: before units are reset or the rack is let go, nothing is heard of it. */
#include <math.h>
#include <string.h>

#include "midi.h"
#include "rack_denormals.h"
#include "rack_state.h"

enum { STRIPS = RP_STRIPS_MAX + 1 }; /* and the master */

/* ---- what comes in ---- */

/* Does it end a sound? It is kept where others are given up. [process] */
static int ends_sound(const uint8_t *byte) {
    uint8_t kind = byte[0] & 0xF0;
    if (kind == RP_MIDI_NOTE_OFF || (kind == RP_MIDI_NOTE_ON && byte[2] == 0)) return 1;
    if (kind != RP_MIDI_CONTROL) return 0;
    return byte[1] == RP_CC_ALL_SOUND_OFF || byte[1] >= RP_CC_ALL_NOTES_OFF ||
           (byte[1] == RP_CC_SUSTAIN && byte[2] == 0);
}

/* [process] */
static void put(rp_strip *strip, uint32_t offset, const uint8_t *byte, uint32_t size) {
    if (strip->events == RP_STRIP_EVENTS) return;
    if (strip->events >= RP_STRIP_EVENTS_OTHERS && !ends_sound(byte)) return;
    rp_unit_event *event = &strip->event[strip->events++];
    *event = (rp_unit_event){.offset = offset, .size = (uint8_t)size};
    memcpy(event->byte, byte, size);
}

void rp_rack_hear(rp_rack *rack, uint32_t port, uint32_t offset, const uint8_t *byte, uint32_t size) {
    if (byte[0] < 0x80 || byte[0] >= RP_MIDI_SYSEX || size > 3) return;
    uint32_t listeners = rack->listeners[port & 15][byte[0] & 15];
    for (uint32_t i = 0; listeners >> i; i++)
        if (listeners >> i & 1) put(&rack->strip[i], offset, byte, size);
}

void rp_rack_control(const rp_rack *rack, const uint8_t byte[3]) {
    for (uint32_t i = 0; i < rack->automations; i++) {
        const rp_automation *one = &rack->automation[i];
        if (one->controller != byte[1] || (one->channel != RP_ANY_CHANNEL && one->channel != (byte[0] & 15))) continue;
        rp_unit_set(one->unit, one->parameter, one->low + (one->high - one->low) * byte[2] / 127);
    }
}

/* A strip's source, faded in where it is sound; what is no number is silence. [process] */
static void fill(const rp_rack *rack, const rp_strip_config *from, const rp_rack_piece *piece, float *const audio[2]) {
    for (uint32_t c = 0; c < 2; c++) {
        const float *heard = NULL;
        if (from->source == RP_SOURCE_VOICE) heard = piece->voice;
        if (from->source == RP_SOURCE_INPUT && from->input[c] < piece->ins)
            heard = piece->in[from->input[c]] + piece->at;
        if (!heard) memset(audio[c], 0, piece->frames * sizeof *audio[c]);
        for (uint32_t i = 0; heard && i < piece->frames; i++)
            audio[c][i] = isfinite(heard[i]) ? heard[i] * rack->opening[i] : 0;
    }
}

/* ---- units ---- */

/* Events of the piece, from `next` on, counted from its first frame. [process] */
static uint32_t take_events(rp_strip *strip, const rp_rack_piece *piece) {
    uint32_t n = strip->next;
    for (; n < strip->events && strip->event[n].offset < piece->at + piece->frames; n++) {
        uint32_t *offset = &strip->event[n].offset;
        *offset = *offset > piece->at ? *offset - piece->at : 0;
    }
    return n - strip->next;
}

/* [process] */
static void run_units(const rp_rack *rack, rp_strip *strip, const rp_rack_piece *piece, float *const audio[2]) {
    rp_unit_block block = {.frame = piece->frame, .frames = piece->frames, .audio = {audio[0], audio[1]}};
    block.event = &strip->event[strip->next];
    block.events = take_events(strip, piece);
    for (uint32_t u = 0; u < strip->units; u++) rp_rack_unit_process(&strip->unit[u], &block, rack->dry);
    strip->next += block.events;
    if (strip->next == strip->events) strip->next = strip->events = 0;
}

/* [process] */
static uint32_t measure(rp_strip *strip) {
    uint32_t sum = 0;
    for (uint32_t u = 0; u < strip->units; u++)
        sum += atomic_load_explicit(&strip->unit[u].unit->latency, memory_order_relaxed);
    strip->latency = sum < RP_LATENCY_MAX ? sum : RP_LATENCY_MAX;
    atomic_store_explicit(&strip->latency_seen, strip->latency, memory_order_relaxed);
    return strip->latency;
}

/* How late each path is now. [process] */
static void measure_all(rp_rack *rack) {
    rack->slowest = 0;
    for (uint32_t i = 0; i < rack->config.strips; i++) {
        uint32_t latency = measure(&rack->strip[i]);
        if (latency > rack->slowest) rack->slowest = latency;
    }
    rack->latency = rack->slowest + measure(&rack->strip[RP_MASTER_STRIP]);
    atomic_store_explicit(&rack->latency_seen, rack->latency, memory_order_relaxed);
}

/* [process] */
static void reset_units(rp_rack *rack) {
    for (uint32_t i = 0; i < STRIPS; i++)
        for (uint32_t u = 0; u < rack->strip[i].units; u++) rp_rack_unit_reset(&rack->strip[i].unit[u]);
}

/* [process] */
static void set_period(rp_rack *rack, uint32_t period) {
    if (period > RP_BLOCK_MAX) period = RP_BLOCK_MAX;
    if (period == 0 || period == rack->period) return;
    rack->period = period;
    for (uint32_t i = 0; i < STRIPS; i++) {
        for (uint32_t u = 0; u < rack->strip[i].units; u++) {
            rp_unit *unit = rack->strip[i].unit[u].unit;
            if (unit->kind->resize) unit->kind->resize(unit, period);
        }
    }
}

/* ---- the fade ---- */

void rp_rack_begin(rp_rack *rack, uint32_t period) {
    set_period(rack, period);
    measure_all(rack);
    rack->phase = rack->used ? RP_RACK_DUE : RP_RACK_OPEN; /* what it held before must not be heard */
    rack->height = rack->used ? 0 : 1;
    rack->used = 1;
    rack->ending = rack->closing = 0;
    rack->opened = 0;
    for (uint32_t i = 0; i < STRIPS; i++) rack->strip[i].events = rack->strip[i].next = 0;
}

/* [process] */
static void fall(rp_rack *rack) {
    if (rack->phase != RP_RACK_ENDED) rack->phase = RP_RACK_FALLING;
}

void rp_rack_end(rp_rack *rack) {
    rack->ending = 1;
    fall(rack);
}

void rp_rack_linger(rp_rack *rack) { rack->closing = 1; }

void rp_rack_resume(rp_rack *rack) {
    rack->ending = rack->closing = 0;
    if (rack->phase == RP_RACK_FALLING) rack->phase = RP_RACK_RISING;
}

int rp_rack_listens(const rp_rack *rack, uint32_t port, uint32_t channel) {
    return rack->listeners[port & 15][channel & 15] != 0;
}

void rp_rack_silence(rp_rack *rack) { fall(rack); }

int rp_rack_ended(const rp_rack *rack) { return rack->phase == RP_RACK_ENDED; }

/* Units are silent: what comes after is heard when what was on its way has passed. [process] */
static void start_anew(rp_rack *rack) {
    reset_units(rack);
    rack->opened = 0;
    rack->held = rack->latency;
    rack->phase = RP_RACK_HELD;
}

/* The next sample's height. [process] */
static float climb(rp_rack *rack) {
    float step = 1 / (float)rack->fade;
    if (rack->phase == RP_RACK_FALLING) {
        rack->height = fmaxf(0, rack->height - step);
        if (rack->height == 0) rack->phase = rack->ending ? RP_RACK_ENDED : RP_RACK_DUE;
    } else if (rack->phase == RP_RACK_HELD) {
        if (rack->held) rack->held--;
        else rack->phase = RP_RACK_RISING;
    } else if (rack->phase == RP_RACK_RISING) {
        rack->height = fminf(1, rack->height + step);
        if (rack->height == 1) rack->phase = RP_RACK_OPEN;
    }
    return rack->height;
}

/* [process] */
static void fill_fades(rp_rack *rack, uint32_t frames) {
    for (uint32_t i = 0; i < frames; i++) {
        rack->level[i] = climb(rack);
        rack->opening[i] = (float)rack->opened / (float)rack->fade;
        if (rack->closing) rack->opened -= rack->opened > 0;
        else rack->opened += rack->opened < rack->fade;
    }
}

/* ---- what goes out ---- */

/* A pair of channels, on a pair of outputs; on one, half of each. [process] */
static void emit(const rp_rack *rack, const rp_rack_piece *piece, const uint8_t output[2], float *const audio[2]) {
    float share = output[0] == output[1] ? 0.5F : 1;
    for (uint32_t c = 0; c < 2; c++) {
        if (output[c] >= piece->outs) continue;
        float *out = piece->out[output[c]] + piece->at;
        for (uint32_t i = 0; i < piece->frames; i++) out[i] += share * audio[c][i] * rack->level[i];
    }
}

/* [process] */
static void add_to_mix(const rp_rack *rack, uint32_t frames) {
    for (uint32_t c = 0; c < 2; c++)
        for (uint32_t i = 0; i < frames; i++) rack->mix[c][i] += rack->audio[c][i];
}

/* [process] */
static void play_strip(rp_rack *rack, uint32_t which, const rp_rack_piece *piece) {
    rp_strip *strip = &rack->strip[which];
    fill(rack, &rack->config.strip[which], piece, rack->audio);
    run_units(rack, strip, piece, rack->audio);
    rp_delay_line_process(&strip->align, rack->audio, piece->frames, rack->slowest - strip->latency);
    for (uint32_t c = 0; c < 2; c++) rp_rack_keep_peak(&strip->peak[c], rack->audio[c], piece->frames);
    add_to_mix(rack, piece->frames);
    if (!strip->own.ring) return;
    rp_delay_line_process(&strip->own, rack->audio, piece->frames, rack->strip[RP_MASTER_STRIP].latency);
    emit(rack, piece, rack->config.strip[which].output, rack->audio);
}

/* A voice without a strip of its own. [process] */
static void play_voice(rp_rack *rack, const rp_rack_piece *piece) {
    static const rp_strip_config voice = {.source = RP_SOURCE_VOICE};
    fill(rack, &voice, piece, rack->audio);
    rp_delay_line_process(&rack->voice, rack->audio, piece->frames, rack->slowest);
    add_to_mix(rack, piece->frames);
}

/* [process] */
static void play_master(rp_rack *rack, const rp_rack_piece *piece) {
    rp_strip *master = &rack->strip[RP_MASTER_STRIP];
    run_units(rack, master, piece, rack->mix);
    for (uint32_t c = 0; c < 2; c++) rp_rack_keep_peak(&master->peak[c], rack->mix[c], piece->frames);
    emit(rack, piece, rack->config.output, rack->mix);
}

void rp_rack_process(rp_rack *rack, const rp_rack_piece *piece) {
    uint64_t before = rp_denormals_flush();
    set_period(rack, piece->period);
    measure_all(rack);
    if (rack->phase == RP_RACK_DUE) start_anew(rack);
    fill_fades(rack, piece->frames);
    for (uint32_t c = 0; c < 2; c++) memset(rack->mix[c], 0, piece->frames * sizeof *rack->mix[c]);
    for (uint32_t i = 0; i < rack->config.strips; i++) play_strip(rack, i, piece);
    if (rack->voice.ring) play_voice(rack, piece);
    play_master(rack, piece);
    rp_denormals_restore(before);
}

uint32_t rp_rack_latency(const rp_rack *rack) { return rack->latency; }

uint32_t rp_rack_midi_delay(const rp_rack *rack) { return rack->config.delay_midi ? rack->latency : 0; }
