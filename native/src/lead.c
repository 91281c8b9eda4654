/* lead.c - see lead.h. The clock's beats are the map's ticks, moved by whole bars: where the clock goes back, the
 * band's music goes on. A tempo that changes holds from the first tick on that is not committed; what the beat before
 * has made early or late is made up for by the ticks that follow. */
#include "lead.h"

#include <math.h>

#include "listen.h"
#include "plan.h"
#include "turns.h"

static const double SLACK_SECONDS = 0.0005; /* nearer than this to the clock, now and a beat later, nothing is bent */
static const double HASTE = 0.5;            /* a tick is shorter or longer by at most this share of it */
static const double GRACE_SECONDS = 0.06;   /* so late the first beat after a start may be played */
static const double ROUNDING = 1e-6;        /* bars, ticks */
static const double STEADY = 0.005;         /* a tempo that changes by less of itself in a beat */
static const double WARY_BEATS = 2.0, WARY_SECONDS = 0.15;
static const double TOLD_BPM = 0.1; /* a change of the tempo that is worth a report */

int rp_lead_stands(const rp_continuation *band) { return band->clock.on && !band->clock.rolling; }

/* Frames of a tick, by the clock. [worker] */
static double tick_frames(const rp_continuation *band) {
    return band->config.sample_rate * 60.0 / (band->clock.bpm * RP_TICKS_A_BEAT);
}

/* Where the clock has this tick, in frames. [worker] */
static double aim(const rp_continuation *band, int64_t tick) {
    double there = band->clock.beat * RP_TICKS_A_BEAT + (double)band->shift;
    return (double)band->clock.frame + ((double)tick - there) * tick_frames(band);
}

/* Where the clock's frame is in the map, or behind all that was played. [worker] */
static double behind(const rp_continuation *band) {
    const rp_context *context = &band->context;
    double tick = rp_tempo_tick(&band->tempo, band->clock.frame);
    return context->count ? fmax(tick, (double)context->entry[context->count - 1].tick + 1.0) : tick;
}

/* The map goes on at the clock's place in its bar, the first one behind all that was played. Returns its first tick.
 * [worker] */
static int64_t place(rp_continuation *band) {
    double tick = band->clock.beat * RP_TICKS_A_BEAT, least = behind(band);
    double bar = RP_TICKS_A_BEAT * (double)(band->config.meter ? band->config.meter : 1);
    band->shift = (int64_t)(bar * ceil((least - tick) / bar - ROUNDING));
    tick += (double)band->shift;
    if (fabs(tick - round(tick)) < ROUNDING) tick = round(tick);
    rp_tempo_restart(&band->tempo, band->clock.frame, tick, band->clock.bpm);
    band->first = (int64_t)ceil(tick);
    return band->first;
}

/* The beats begin elsewhere, start, stop, or have another leader now: nothing that was committed sounds. [worker] */
static void move(rp_continuation *band, int stood) {
    uint32_t state = stood ? band->resume : band->state;
    if (band->clock.on && !band->anchored) rp_listen_anchor(band, band->clock.frame);
    rp_plan_recall(band, band->clock.since);
    if (rp_lead_stands(band)) {
        if (!stood) rp_turns_change(band, RP_STATE_LISTENING, (int64_t)ceil(behind(band)), 1);
        band->resume = state;
        return;
    }
    if (stood) band->player.since_rest = 0;
    int64_t tick = band->clock.on ? place(band) : rp_band_near(band);
    if (state == RP_STATE_LISTENING) return;
    rp_turns_change(band, state, tick, 1);
    if (band->clock.on) band->plan.hurry = band->clock.frame + (uint64_t)(GRACE_SECONDS * band->config.sample_rate);
}

double rp_lead_horizon(const rp_continuation *band) {
    double ticks = RP_TICKS_A_BEAT * band->set[RP_SET_COMMIT_BEATS];
    if (!band->clock.on || band->now > band->wary) return ticks;
    return fmin(ticks, WARY_SECONDS / 60.0 * band->bpm * RP_TICKS_A_BEAT);
}

/* Is its tempo on the move? What is settled a beat ahead would then be late or early. [worker] */
static void watch_tempo(rp_continuation *band) {
    const rp_heard_clock *clock = &band->clock;
    double beat = RP_TICKS_A_BEAT * tick_frames(band);
    int moves = band->steady_bpm > 0.0 && fabs(clock->bpm / band->steady_bpm - 1.0) > STEADY;
    band->bpm = clock->bpm;
    if (moves) band->wary = clock->frame + (uint64_t)(WARY_BEATS * beat);
    if (band->steady_bpm > 0.0 && (double)clock->frame < (double)band->steady + beat) return;
    band->steady_bpm = clock->bpm;
    band->steady = clock->frame;
}

void rp_lead_hear(rp_continuation *band, const rp_heard_clock *clock) {
    int moved = clock->place != band->clock.place, stood = rp_lead_stands(band);
    band->clock = *clock;
    if (clock->on) watch_tempo(band);
    if (moved) move(band, stood);
}

/* [worker] */
static void tell_tempo(rp_continuation *band, int64_t tick) {
    rp_band_report report = {.kind = RP_BAND_TEMPO, .tick = tick, .frame = rp_tempo_frame(&band->tempo, tick)};
    if (fabs(band->bpm - band->told_bpm) < TOLD_BPM) return;
    band->told_bpm = band->bpm;
    report.value = (uint32_t)lround(band->bpm * 1000.0);
    rp_band_report_to(band, report);
}

/* Does the end of the map stray from the clock's line, or will it a beat later? tick: nothing is open before.
 * [worker] */
static int strays(const rp_continuation *band, int64_t tick) {
    int64_t last = rp_tempo_last(&band->tempo);
    if (last < tick) last = tick;
    double slack = SLACK_SECONDS * band->config.sample_rate,
           late = aim(band, last) - rp_tempo_exact(&band->tempo, last);
    double drift = 1.0 - band->clock.bpm / rp_tempo_bpm(&band->tempo);
    return fabs(late) > slack || fabs(late + RP_TICKS_A_BEAT * tick_frames(band) * drift) > slack;
}

void rp_lead_follow(rp_continuation *band) {
    if (!band->clock.on || !band->clock.rolling) return;
    int64_t open = rp_band_open(band), tick = open > band->first ? open : band->first;
    if (!strays(band, tick)) return;
    double late = aim(band, tick) - rp_tempo_exact(&band->tempo, tick); /* the clock, to the map */
    double ticks = fmax(1.0, ceil(fabs(late) / (HASTE * tick_frames(band)))), way = ticks * tick_frames(band);
    rp_tempo_unbend(&band->tempo, tick);
    rp_tempo_bend(&band->tempo, tick, band->clock.bpm * way / (way + late));
    rp_tempo_bend(&band->tempo, tick + (int64_t)ticks, band->clock.bpm);
    tell_tempo(band, tick);
}
