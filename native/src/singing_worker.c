/* singing_worker.c - the singer's thread, and what it does at each look. See singing.h. */
#include <math.h>
#include <string.h>

#include "midi.h"
#include "singing_state.h"

enum { BEHIND_MOST = 8, PEDAL_DOWN = 64, STILL_LOOKS = 200, BEND_CENTRE = 8192, BEND_HIGHEST = 16383 };
static const uint64_t LOOK = 500000, LONG_LOOK = 2000000, IDLE = 10000000; /* nanoseconds between two looks */
static const double BEND_CENTS = 200.0;   /* of General MIDI: two semitones either way */
static const double EXPRESSION_DB = 40.0; /* General MIDI: 40 log10(value / 127) dB */

/* Tell control; counted when the ring is full. [worker] */
static void report_to(rp_singing *singing, rp_singing_report report) {
    singing->stats.reports_lost += !rp_ring_write(singing->reports, report.kind, &report, sizeof report);
}

/* What control asked for since the last look. [worker] */
static void obey(rp_singing *singing) {
    rp_singing_asked asked;
    uint32_t type;
    while (rp_ring_read(singing->asked, &type, &asked, sizeof asked) >= 0) {
        singing->controls.value[asked.parameter] = asked.value;
        report_to(singing,
                  (rp_singing_report){.kind = RP_SINGING_PARAMETER, .value = asked.parameter, .number = asked.value});
    }
}

/* A panic, or an engine that has it anew: nothing has been heard, and it begins with the next block. [worker] */
static void begin_anew(rp_singing *singing, uint32_t epoch) {
    singing->epoch = epoch;
    singing->next = rp_singing_first_from(singing, singing->now);
    rp_piano_clear(&singing->piano, singing->config.sample_rate);
    rp_singer_reset(singing->singer);
}

/* Time, as the process thread has it. The epoch first: at its change the frame was there before it. [worker] */
static void see_time(rp_singing *singing) {
    rp_bridge *bridge = &singing->link.bridge;
    uint32_t epoch = atomic_load_explicit(&bridge->epoch, memory_order_acquire);
    uint64_t now = atomic_load_explicit(&bridge->frame, memory_order_acquire);
    singing->still = now == singing->now ? singing->still + 1 : 0;
    singing->now = now;
    if (epoch != singing->epoch) begin_anew(singing, epoch);
}

/* [worker] */
static void hear_one(rp_singing *singing, uint32_t kind, const rp_heard *heard) {
    if (!(singing->config.in_channels >> heard->channel & 1)) return;
    if (kind == RP_HEARD_ON) rp_piano_on(&singing->piano, heard->frame, heard->first, heard->second);
    if (kind == RP_HEARD_OFF) rp_piano_off(&singing->piano, heard->frame, heard->first);
    if (kind == RP_HEARD_CONTROL && heard->first == RP_CC_SUSTAIN)
        rp_piano_pedal(&singing->piano, heard->frame, heard->second >= PEDAL_DOWN);
    singing->stats.heard += kind == RP_HEARD_ON;
}

/* Everything told before `frame`, and since the last panic. [worker] */
static void hear(rp_singing *singing, uint64_t frame) {
    rp_heard *heard = &singing->ahead;
    rp_ring *ring = singing->link.bridge.heard;
    while (singing->waits || rp_ring_read(ring, &singing->ahead_kind, heard, sizeof *heard) >= 0) {
        int32_t after = (int32_t)(heard->epoch - singing->epoch);
        singing->waits = after > 0 || (after == 0 && heard->frame >= frame);
        if (singing->waits) return;
        if (after == 0) hear_one(singing, singing->ahead_kind, heard);
    }
}

/* Held up for long, it leaves out what nobody waits for any more. [worker] */
static void catch_up(rp_singing *singing) {
    uint64_t cycle = atomic_load_explicit(&singing->link.bridge.cycle, memory_order_relaxed);
    uint64_t allowed = rp_singing_start_of(singing, singing->next + BEHIND_MOST) + cycle;
    if (singing->now > allowed) singing->next = rp_singing_first_from(singing, singing->now + 1) - 1;
}

/* 14 bits of bend for a deviation in cents. [worker] */
static uint16_t bend_of(double cents) {
    long bend = BEND_CENTRE + lround(cents / BEND_CENTS * BEND_CENTRE);
    return (uint16_t)(bend < 0 ? 0 : bend > BEND_HIGHEST ? BEND_HIGHEST : bend);
}

/* [worker] */
static uint8_t expression_of(double level) {
    long value = lround(127.0 * pow(10.0, level / EXPRESSION_DB));
    return (uint8_t)(value < 1 ? 1 : value > 127 ? 127 : value);
}

/* [worker] */
static void send(rp_singing *singing, uint64_t number, const rp_sung *sung) {
    int sounds = sung->phonation >= RP_ONSET && sung->note < RP_SUNG_NOTES;
    rp_singing_block block = {.block = number, .epoch = singing->epoch, .pitch = RP_NO_PITCH};
    if (sounds) block.pitch = (uint8_t)(RP_SUNG_LOWEST + sung->note);
    block.onset = sung->flags & RP_SUNG_ONSET;
    block.bend = bend_of((double)sung->cents[0]);
    block.expression = expression_of(fmax((double)sung->frame[0].level, (double)sung->frame[1].level));
    memcpy(block.frame, sung->frame, sizeof block.frame);
    rp_bridge *bridge = &singing->link.bridge;
    if (!rp_ring_write(bridge->committed, 0, &block, sizeof block)) rp_bridge_count(&bridge->refused);
}

/* [worker] */
static void tell(rp_singing *singing, uint64_t number, const rp_sung *sung) {
    rp_singing_report report = {.kind = RP_SINGING_BLOCK, .block = number, .phonation = sung->phonation};
    report.frame =
        rp_singing_start_of(singing, number) + atomic_load_explicit(&singing->link.lead, memory_order_relaxed);
    report.pitch = sung->note < RP_SUNG_NOTES ? (uint8_t)(RP_SUNG_LOWEST + sung->note) : 0;
    report.flags = sung->flags;
    for (uint32_t i = 0; i < RP_BLOCK_FRAMES; i++) {
        report.cents[i] = sung->cents[i];
        report.level[i] = sung->frame[i].level;
    }
    report_to(singing, report);
    if (!(sung->flags & RP_SUNG_FAULT)) return;
    singing->stats.faults++;
    report.kind = RP_SINGING_FAULT;
    report.value = (uint32_t)singing->stats.faults;
    report_to(singing, report);
}

/* A copy of the counts, word by word, that others may read at any time. [worker] */
static void publish(rp_singing *singing) {
    uint64_t words[RP_SINGING_WORDS];
    memcpy(words, &singing->stats, sizeof words);
    for (uint32_t i = 0; i < RP_SINGING_WORDS; i++)
        atomic_store_explicit(&singing->published[i], words[i], memory_order_relaxed);
}

/* One block. [worker] */
static void decide(rp_singing *singing) {
    uint64_t began = rp_now(), number = singing->next++, frame = rp_singing_start_of(singing, number), taken;
    rp_sung sung;
    hear(singing, frame);
    rp_piano_row(&singing->piano, frame, singing->row);
    rp_singer_step(singing->singer, singing->row, &singing->controls, &sung);
    send(singing, number, &sung);
    taken = rp_now() - began;
    singing->stats.blocks++;
    singing->stats.busy += taken;
    if (taken > singing->stats.longest) singing->stats.longest = taken;
    tell(singing, number, &sung);
    publish(singing);
}

/* A block may be decided once all is told that was played before it. [worker] */
static int is_due(const rp_singing *singing) {
    return singing->epoch && rp_singing_start_of(singing, singing->next) <= singing->now;
}

int rp_singing_look(rp_singing *singing) {
    if (atomic_load(&singing->stalled)) return 0;
    see_time(singing);
    obey(singing);
    if (!is_due(singing)) return 0;
    catch_up(singing);
    decide(singing);
    return is_due(singing);
}

void rp_singing_settle(rp_singing *singing) {
    while (!singing->thread && rp_singing_look(singing)) continue;
}

/* How long to the next look, in nanoseconds. The clock moves by cycles: as long as the one that passes the next block's
 * beginning is some way off, nothing can be due. [worker] */
static uint64_t until_next_look(const rp_singing *singing) {
    uint64_t cycle = atomic_load_explicit(&singing->link.bridge.cycle, memory_order_relaxed), sure;
    uint64_t begins = rp_singing_start_of(singing, singing->next);
    if (singing->still > STILL_LOOKS) return IDLE;
    if (!cycle || begins <= singing->now + cycle) return LOOK;
    sure = (begins - singing->now - 1) / cycle * cycle * 1000000000 / singing->config.sample_rate;
    return sure < LOOK ? LOOK : sure < LONG_LOOK ? sure : LONG_LOOK;
}

/* The worker's thread. Nobody wakes it, since the process thread makes no system call. [worker] */
static void run(void *argument) {
    rp_singing *singing = argument;
    while (atomic_load_explicit(&singing->running, memory_order_acquire))
        if (!rp_singing_look(singing)) rp_sleep_until(rp_now() + until_next_look(singing));
}

int rp_singing_start(rp_singing *singing) {
    if (singing->config.synchronous || singing->thread) return singing->thread != NULL;
    int realtime = 0;
    atomic_store(&singing->running, 1);
    singing->thread = rp_thread_start(run, singing, RP_PRIORITY_WORKER, &realtime);
    if (!singing->thread) atomic_store(&singing->running, 0);
    atomic_store(&singing->realtime, realtime != 0);
    return singing->thread != NULL;
}

void rp_singing_stop(rp_singing *singing) {
    atomic_store_explicit(&singing->running, 0, memory_order_release);
    if (singing->thread) rp_thread_join(singing->thread);
    singing->thread = NULL;
}
