/* worker.c - the continuation's thread, and what it does at each look. See continuation.h. */
#include <math.h>
#include <string.h>

#include "continuation_state.h"
#include "lead.h"
#include "listen.h"
#include "plan.h"
#include "turns.h"

enum { ROWS = 64, MOVE_ROWS = 16 }; /* absorbed between two looks; and for the move to the other decoder */
static const double MARGIN_SECONDS = 0.005;
static const uint64_t MILLISECOND = 1000000, IDLE = 10000000; /* nanoseconds between two looks */
static const uint64_t QUIET_SECONDS = 10;
static const double TAP_STEP = 0.15; /* the most that one beat is longer or shorter to meet a tap */

void rp_band_report_to(rp_continuation *band, rp_band_report report) {
    band->stats.reports_lost += !rp_ring_write(band->reports, report.kind, &report, sizeof report);
}

void rp_band_report_note(rp_continuation *band, uint32_t kind, const rp_entry *entry) {
    rp_band_report report = {.kind = (uint8_t)kind, .tick = entry->tick, .serial = entry->serial};
    report.frame = rp_tempo_frame(&band->tempo, entry->tick);
    report.until = rp_tempo_frame(&band->tempo, entry->tick + entry->length);
    report.code = entry->code;
    report.instrument = entry->member == RP_NO_MEMBER ? RP_NO_MEMBER : band->config.member[entry->member].instrument;
    report.pitch = entry->pitch;
    report.velocity = entry->velocity;
    report.stale = entry->stale;
    rp_band_report_to(band, report);
}

/* When does this member's last note end? [worker] */
static int64_t busy_until(const rp_continuation *band, uint32_t member) {
    const rp_context *context = &band->context;
    for (uint32_t n = 1; n <= ROWS && n <= context->count; n++) {
        const rp_entry *entry = &context->entry[context->count - n];
        if (entry->member == member) return entry->tick + entry->length;
    }
    return INT64_MIN;
}

/* Of those with this code whose range has the pitch, who has been free for longest (two violins share one code). */
uint32_t rp_band_member_of(const rp_continuation *band, uint8_t code, uint8_t pitch) {
    int by = code == RP_CODES - 1 ? 0 : (int)band->set[RP_SET_REGISTER];
    uint32_t best = RP_NO_MEMBER, best_reaches = 0;
    int64_t best_busy = INT64_MAX;
    for (uint32_t i = 0; i < band->config.band; i++) {
        const rp_band_member *member = &band->config.member[i];
        if (member->code != code || !band->enabled[i]) continue;
        uint32_t reaches = pitch >= member->low + by && pitch <= member->high + by;
        int64_t busy = busy_until(band, i);
        if (best != RP_NO_MEMBER && (reaches < best_reaches || (reaches == best_reaches && busy >= best_busy)))
            continue;
        best = i;
        best_reaches = reaches;
        best_busy = busy;
    }
    return best;
}

double rp_band_tick(const rp_continuation *band, uint64_t frame) { return rp_tempo_tick(&band->tempo, frame); }

uint64_t rp_band_soonest(const rp_continuation *band) {
    return band->now + 2 * band->cycle + (uint64_t)(MARGIN_SECONDS * band->config.sample_rate);
}

int rp_band_hurries(const rp_continuation *band) { return band->now < band->plan.hurry; }

int64_t rp_band_near(const rp_continuation *band) {
    uint64_t soonest = rp_band_soonest(band) + (uint64_t)rp_feel_bound(&band->feel);
    int64_t near = (int64_t)ceil(rp_tempo_tick(&band->tempo, soonest));
    return rp_band_hurries(band) && near > band->plan.begin ? band->plan.begin : near;
}

int64_t rp_band_open(const rp_continuation *band) {
    const rp_context *context = &band->context;
    int64_t tick = rp_band_near(band);
    if (!context->settled || context->entry[context->settled - 1].tick < tick) return tick;
    return context->entry[context->settled - 1].tick + 1;
}

/* The first tick whose tempo may change. [worker] */
static int64_t bendable(const rp_continuation *band) {
    int64_t tick = rp_band_open(band), last = rp_tempo_last(&band->tempo);
    return tick > last ? tick : last;
}

/* The wanted tempo from now on; the next beat alone at `once`. [worker] */
static void bend(rp_continuation *band, double once) {
    if (!band->anchored || band->clock.on) return;
    int64_t tick = bendable(band);
    rp_band_report report = {.kind = RP_BAND_TEMPO, .tick = tick, .frame = rp_tempo_frame(&band->tempo, tick)};
    report.value = (uint32_t)lround(band->bpm * 1000.0);
    rp_tempo_bend(&band->tempo, tick, once);
    if (once != band->bpm) rp_tempo_bend(&band->tempo, tick + RP_TICKS_A_BEAT, band->bpm);
    rp_band_report_to(band, report);
}

/* The tempo follows the player, a beat at a time. [worker] */
static void follow(rp_continuation *band) {
    int follows = band->anchored && !band->clock.on && band->set[RP_SET_TEMPO_SOURCE] == RP_TEMPO_FOLLOW;
    if (follows && rp_follow_ready(&band->follow))
        bend(band, rp_follow_correct(&band->follow, (double)bendable(band), band->bpm));
}

/* [worker] */
static void tap(rp_continuation *band, uint64_t frame) {
    if (band->clock.on || band->set[RP_SET_TEMPO_SOURCE] != RP_TEMPO_TAP) return;
    if (frame == 0) frame = band->now;
    if (!rp_follow_tap(&band->follow, frame, band->config.sample_rate, &band->bpm)) return;
    if (!band->anchored) rp_listen_anchor(band, frame);
    double beats = rp_band_tick(band, frame) / RP_TICKS_A_BEAT, late = beats - round(beats);
    late = late > TAP_STEP ? TAP_STEP : late < -TAP_STEP ? -TAP_STEP : late;
    bend(band, band->bpm * (1.0 - late));
}

/* [worker] */
static void set(rp_continuation *band, uint32_t parameter, double value) {
    band->set[parameter] = value;
    if (parameter == RP_SET_TEMPO && !band->clock.on) {
        band->bpm = value;
        bend(band, value);
    }
    if (parameter == RP_SET_SEED) {
        band->random.state = (uint64_t)value;
        band->feel.random.state = ~(uint64_t)value;
    }
    rp_band_report_to(band, (rp_band_report){.kind = RP_BAND_PARAMETER, .value = parameter, .number = value});
}

/* What control asked for since the last look. A changed parameter changes what is planned. [worker] */
static void obey(rp_continuation *band) {
    rp_asked asked;
    uint32_t type;
    while (rp_ring_read(band->asked, &type, &asked, sizeof asked) >= 0) {
        if (type == RP_ASK_TAP) tap(band, asked.frame);
        else if (type == RP_ASK_HAND_OVER) rp_turns_hand_over(band);
        else if (type == RP_ASK_YIELD) rp_turns_yield(band);
        else if (type == RP_ASK_ENABLE) band->enabled[asked.which] = asked.value != 0.0;
        else set(band, asked.which, asked.value);
        if (type == RP_ASK_SET || type == RP_ASK_ENABLE) rp_plan_drop(band);
    }
}

/* Time, as the process thread has it; a panic or another rig since the last look. [worker] */
static void see_time(rp_continuation *band) {
    uint32_t epoch = atomic_load_explicit(&band->bridge.epoch, memory_order_acquire);
    band->now = atomic_load_explicit(&band->bridge.frame, memory_order_acquire);
    band->cycle = atomic_load_explicit(&band->bridge.cycle, memory_order_relaxed);
    if (!band->anchored && band->config.origin == RP_ORIGIN_ZERO && band->now) rp_listen_anchor(band, 0);
    if (epoch == band->epoch) return;
    band->epoch = epoch;
    rp_turns_reset(band);
}

/* A copy of the counts, word by word, that others may read at any time. [worker] */
static void publish(rp_continuation *band) {
    uint64_t words[RP_BAND_WORDS];
    rp_band_stats *stats = &band->stats;
    double tick = band->anchored ? rp_band_tick(band, band->now) : 0.0;
    stats->unheard = atomic_load_explicit(&band->bridge.unheard, memory_order_relaxed);
    stats->sounded = atomic_load_explicit(&band->bridge.sounded, memory_order_relaxed);
    stats->late = atomic_load_explicit(&band->bridge.late, memory_order_relaxed);
    stats->refused = atomic_load_explicit(&band->bridge.refused, memory_order_relaxed);
    stats->rows = band->context.rows;
    stats->rolled_back = band->context.rolled_back;
    stats->moves = band->context.moves;
    stats->length = band->context.count;
    stats->state = band->state;
    stats->millibpm = (uint64_t)llround(band->bpm * 1000.0);
    stats->tick = tick > 0.0 ? (uint64_t)tick : 0;
    stats->clock = band->clock.on;
    memcpy(words, stats, sizeof words);
    for (uint32_t i = 0; i < RP_BAND_WORDS; i++)
        atomic_store_explicit(&band->published[i], words[i], memory_order_relaxed);
}

/* The context holds what was heard. [worker] */
static void note_absorbed(rp_continuation *band) {
    if (!band->hearing) return;
    band->stats.absorbed++;
    band->stats.absorb_last = rp_now() - band->hearing;
    if (band->stats.absorb_last > band->stats.absorb_max) band->stats.absorb_max = band->stats.absorb_last;
    band->hearing = 0;
}

/* Something that takes time, a little of it; 0: there is nothing. [worker] */
static int work(rp_continuation *band) {
    rp_context *context = &band->context;
    if (!rp_context_sync(context, ROWS)) return 1;
    note_absorbed(band);
    if (rp_context_full(context)) return rp_context_move(context, UINT32_MAX);
    if (rp_plan_decide(band)) {
        rp_plan_commit(band);
        return 1;
    }
    return rp_context_move(context, MOVE_ROWS);
}

int rp_continuation_look(rp_continuation *band) {
    if (atomic_load(&band->stalled)) return 0;
    see_time(band);
    obey(band);
    rp_listen(band);
    rp_turns_take(band);
    follow(band);
    rp_lead_follow(band);
    rp_plan_commit(band);
    int more = work(band);
    publish(band);
    return more;
}

void rp_continuation_settle(rp_continuation *band) {
    while (!band->thread && rp_continuation_look(band)) continue;
}

/* The worker's thread. It looks again at once while there is work, else after a moment; nobody wakes it, since the
 * process thread makes no system call. [worker] */
static void run(void *argument) {
    rp_continuation *band = argument;
    while (atomic_load_explicit(&band->running, memory_order_acquire)) {
        uint64_t began = rp_now();
        int more = rp_continuation_look(band);
        band->stats.busy += rp_now() - began;
        if (more) continue;
        uint64_t silent = band->now - band->player.last_on;
        int idle = band->state == RP_STATE_LISTENING && silent > QUIET_SECONDS * band->config.sample_rate;
        rp_sleep_until(rp_now() + (idle ? IDLE : MILLISECOND));
    }
}

int rp_continuation_start(rp_continuation *band) {
    if (band->config.synchronous || band->thread) return band->thread != NULL;
    atomic_store(&band->running, 1);
    int realtime;
    band->thread = rp_thread_start(run, band, RP_PRIORITY_WORKER, &realtime);
    if (!band->thread) atomic_store(&band->running, 0);
    return band->thread != NULL;
}

void rp_continuation_stop(rp_continuation *band) {
    atomic_store_explicit(&band->running, 0, memory_order_release);
    if (band->thread) rp_thread_join(band->thread);
    band->thread = NULL;
}
