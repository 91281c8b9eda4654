/* conductor_hear.c - what the clock hears: MIDI clock, JACK's transport, taps, keys. See conductor.h. */
#include <math.h>
#include <string.h>

#include "conductor.h"

enum { TICK = 0xF8, START = 0xFA, CONTINUE = 0xFB, STOP = 0xFC, POSITION = 0xF2 };
static const double SILENT = 0.5;     /* s: after so long another input may speak */
static const double NEW_ROW = 3.0;    /* s: taps that are further apart are no beats of one tempo */
static const double ELSEWHERE = 0.02; /* beats: so far from where it should be, JACK's transport was moved */
static const double COUNTS = 4.0;     /* of a quarter note: time signatures count in sixteenths, or longer */

void rp_conductor_forget(rp_conductor *conductor) {
    rp_beats *beats = atomic_load_explicit(&conductor->beats, memory_order_acquire);
    uint64_t ticks = conductor->heard.ticks, lost = conductor->heard.clock.lost;
    conductor->heard = (rp_conductor_heard){.ticks = ticks, .clock = {.lost = lost}};
    if (beats) rp_beats_clear(beats);
}

/* ---- MIDI clock ---- */

/* [process] */
static int is_clock(const rp_midi_message *message) {
    uint8_t status = message->byte[0];
    if (message->data) return 0;
    return status == TICK || status == START || status == CONTINUE || status == STOP || status == POSITION;
}

int rp_conductor_takes(const rp_conductor *conductor, uint32_t in_port, const rp_midi_message *message) {
    return conductor->set.on && conductor->set.inputs >> in_port & 1 && is_clock(message);
}

/* [process] */
static void hear_message(rp_conductor *conductor, uint32_t port, uint64_t frame, const rp_midi_message *message) {
    rp_conductor_heard *heard = &conductor->heard;
    if (!heard->speaker) heard->speaker = port + 1;
    if (heard->speaker != port + 1) return;
    heard->spoke = frame;
    heard->ticks += message->byte[0] == TICK;
    rp_clock_in_hear(&heard->clock, conductor->timeline, frame, message->byte, message->size);
}

/* [process] */
static void hear_event(rp_conductor *conductor, uint64_t frame, const rp_input *event) {
    rp_midi_message message;
    for (uint32_t n = 0; n < event->size;) {
        rp_midi_parser *parser = &conductor->heard.parser[event->port];
        n += rp_midi_parse(parser, event->data + n, event->size - n, &message);
        if (message.size && is_clock(&message)) hear_message(conductor, event->port, frame, &message);
    }
}

void rp_conductor_hear_clocks(rp_conductor *conductor, const rp_cycle *cycle) {
    rp_conductor_heard *heard = &conductor->heard;
    double silence = (double)cycle->frame - (double)heard->spoke;
    int unplugged = heard->speaker && cycle->lost >> (heard->speaker - 1) & 1;
    if (unplugged || silence > SILENT * conductor->sample_rate) heard->speaker = 0;
    for (uint32_t i = 0; i < cycle->inputs; i++) {
        const rp_input *event = &cycle->in[i];
        if (event->port >= RP_PORTS_MAX || !(conductor->set.inputs >> event->port & 1)) continue;
        hear_event(conductor, cycle->frame + event->offset, event);
    }
}

/* ---- JACK's transport ---- */

/* Its beat. Where the time signature changes, JACK's bars make another number of quarters of the same place: as long
 * as nobody moves it ours goes on. [process] */
static double counted(rp_conductor_heard *heard, const rp_transport *now, double due, int moved) {
    const rp_transport *was = &heard->transport;
    double more = floor((due - now->beat) * COUNTS + 0.5) / COUNTS;
    int goes_on = !moved && was->rolling && was->has_beat && now->rolling;
    if (moved) heard->more = 0.0;
    if (goes_on && fabs(now->beat + more - due) < ELSEWHERE) heard->more = more;
    return now->beat + heard->more;
}

/* Its beat and tempo: what it says itself; else as many beats as the internal tempo has in its frames, which goes on
 * where that tempo changes. `due`: the beat that it is at if nobody moved it. [process] */
static rp_transport measured(rp_conductor *conductor, const rp_transport *now, double due, int moved) {
    rp_transport full = *now;
    if (now->has_beat && conductor->set.source == RP_CLOCK_JACK)
        conductor->bpm = fmin(fmax(now->bpm, RP_BPM_MIN), RP_BPM_MAX);
    if (now->has_beat) full.beat = counted(&conductor->heard, now, due, moved);
    if (now->has_beat) return full;
    full.bpm = conductor->bpm;
    full.beat = moved ? (double)now->frame * full.bpm / 60.0 / conductor->sample_rate : due;
    return full;
}

/* Frames that it has come since the cycle before if nobody moved it: one cycle's or, where the machine was late, all
 * that went by. [process] */
static uint64_t way(const rp_conductor_heard *heard, const rp_cycle *cycle, const rp_transport *now) {
    uint64_t passed = cycle->frame - heard->frame;
    if (!heard->transport.rolling) return 0;
    return now->frame - heard->transport.frame == passed ? passed : heard->frames;
}

/* Is it elsewhere than at `due`? While it stands its beat alone does not say so: some masters count on. [process] */
static int is_moved(const rp_transport *was, const rp_transport *now, double due) {
    int same = now->frame == was->frame && now->has_beat == was->has_beat && now->bpm == was->bpm;
    if (!was->known) return 1;
    return fabs(now->beat - due) > ELSEWHERE && (now->rolling || !same);
}

void rp_conductor_hear_transport(rp_conductor *conductor, const rp_cycle *cycle, const rp_transport *transport) {
    rp_transport was = conductor->heard.transport;
    uint64_t gone_by = way(&conductor->heard, cycle, transport);
    double due = was.beat + (double)gone_by * was.bpm / 60.0 / conductor->sample_rate;
    rp_timeline *timeline = conductor->timeline;
    rp_transport now = measured(conductor, transport, due, !was.known || transport->frame != was.frame + gone_by);
    conductor->heard.transport = now;
    conductor->heard.frame = cycle->frame;
    conductor->heard.frames = cycle->frames;
    if (!now.known) return;
    int moved = is_moved(&was, &now, due);
    if (was.rolling && !now.rolling) rp_timeline_stop(timeline, RP_CLOCK_JACK, cycle->frame);
    if (now.rolling && (moved || !was.rolling || now.bpm != was.bpm))
        rp_timeline_know(timeline, RP_CLOCK_JACK, cycle->frame, now.beat, now.bpm);
    if (now.rolling && !was.rolling) rp_timeline_start(timeline, RP_CLOCK_JACK, cycle->frame, now.beat, now.beat);
    else if (moved) rp_timeline_locate(timeline, RP_CLOCK_JACK, cycle->frame, now.beat, now.beat);
    if (now.rolling) rp_timeline_observe(timeline, RP_CLOCK_JACK, cycle->frame, now.beat);
}

/* ---- taps, and the player's beats ---- */

void rp_conductor_tap(rp_conductor *conductor, uint64_t frame) {
    rp_conductor_heard *heard = &conductor->heard;
    if (!conductor->set.on) return;
    double since = (double)frame - (double)heard->tapped;
    if (since < 0.0 || since > NEW_ROW * conductor->sample_rate) heard->taps = 0;
    heard->tapped = frame;
    rp_timeline_observe(conductor->timeline, RP_CLOCK_TAP, frame, (double)heard->taps++);
}

void rp_conductor_key(rp_conductor *conductor, uint64_t frame, uint8_t pitch, uint8_t velocity) {
    if (!conductor->set.on || conductor->keys == RP_CONDUCTOR_KEYS) return;
    conductor->key[conductor->keys++] = (rp_conductor_press){frame, pitch, velocity};
}

void rp_conductor_hear_player(rp_conductor *conductor, uint64_t end) {
    rp_beats *beats = atomic_load_explicit(&conductor->beats, memory_order_acquire);
    rp_beat *beat = &conductor->heard.beat;
    for (uint32_t i = 0; beats && i < conductor->keys; i++)
        rp_beats_note(beats, conductor->key[i].frame, conductor->key[i].pitch, conductor->key[i].velocity);
    while (beats && rp_beats_next(beats, end, beat))
        rp_timeline_observe(conductor->timeline, RP_CLOCK_PLAYER, (uint64_t)(beat->frame + 0.5), beat->beat);
}
