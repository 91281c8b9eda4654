/* turns.c - see turns.h. */
#include "turns.h"

#include <math.h>

#include "lead.h"
#include "listen.h"
#include "plan.h"

/* The next beat that can be met in time. [worker] */
static int64_t next_beat(const rp_continuation *band) {
    int64_t near = rp_band_near(band), beat = near / RP_TICKS_A_BEAT * RP_TICKS_A_BEAT;
    return beat < near ? beat + RP_TICKS_A_BEAT : beat;
}

void rp_turns_change(rp_continuation *band, uint32_t state, int64_t tick, int told) {
    rp_plan *plan = &band->plan;
    rp_plan_cancel(band, tick, told);
    plan->hurry = 0;
    plan->begin = plan->from = plan->covered = tick;
    plan->counted = tick - 1;
    plan->resume = INT64_MIN;
    plan->fresh = 1;
    if (!band->context.count) rp_context_begin(&band->context, tick);
    if (state == RP_STATE_LISTENING) band->player.since_rest = 0;
    band->state = state;
    rp_band_report report = {.kind = RP_BAND_STATE, .value = state, .tick = tick};
    report.frame = rp_tempo_frame(&band->tempo, tick);
    rp_band_report_to(band, report);
}

void rp_turns_hand_over(rp_continuation *band) {
    if (rp_lead_stands(band)) {
        band->resume = RP_STATE_ANSWERING;
        return;
    }
    if (!band->anchored) rp_listen_anchor(band, band->config.origin == RP_ORIGIN_ZERO ? 0 : band->now);
    if (band->state == RP_STATE_ANSWERING) return;
    band->answering = rp_now();
    band->stats.handovers++;
    rp_turns_change(band, RP_STATE_ANSWERING, next_beat(band), 0);
}

void rp_turns_yield(rp_continuation *band) {
    band->answering = 0;
    band->resume = RP_STATE_LISTENING;
    if (band->anchored && band->state != RP_STATE_LISTENING)
        rp_turns_change(band, RP_STATE_LISTENING, next_beat(band), 0);
}

void rp_turns_reset(rp_continuation *band) {
    band->answering = 0;
    band->resume = RP_STATE_LISTENING;
    band->player.keys = 0;
    band->player.pedal = band->player.pedal_struck = 0;
    band->player.since_rest = 0;
    if (band->anchored) rp_turns_change(band, RP_STATE_LISTENING, (int64_t)ceil(rp_band_tick(band, band->now)), 1);
}

/* Ticks since the player's last key came up; negative: a key is down, or none ever was. [worker] */
static double silence(const rp_continuation *band) {
    const rp_playing *player = &band->player;
    if (player->keys || !player->notes) return -1.0;
    return rp_band_tick(band, band->now) - rp_band_tick(band, player->last_off);
}

/* [worker] */
static double bars(const rp_continuation *band, double count) {
    return count * RP_TICKS_A_BEAT * (band->config.meter ? band->config.meter : 4);
}

/* While it listens: has it heard enough to begin? [worker] */
static void from_listening(rp_continuation *band) {
    const rp_playing *player = &band->player;
    double now = rp_band_tick(band, band->now);
    if (!player->since_rest) return;
    if (band->config.mode == RP_MODE_DUET) {
        if (silence(band) >= RP_TICKS_A_BEAT * band->set[RP_SET_HANDOVER_BEATS]) rp_turns_hand_over(band);
        return;
    }
    int enough =
        player->since_rest >= band->set[RP_SET_START_NOTES] || now - (double)player->first_tick >= bars(band, 1);
    if (enough) rp_turns_change(band, RP_STATE_COMPING, next_beat(band), 0);
}

/* While it answers: the player has come back, or it was long enough. [worker] */
static void from_answering(rp_continuation *band) {
    const rp_playing *player = &band->player;
    double length = bars(band, band->set[RP_SET_ANSWER_BARS]);
    int comps = band->config.mode == RP_MODE_BAND || band->set[RP_SET_WHILE_PLAYING] == RP_WHILE_COMP;
    if (player->struck && !player->pedal) {
        band->answering = 0;
        if (!comps) rp_turns_yield(band);
        else rp_turns_change(band, RP_STATE_COMPING, next_beat(band), 0);
        band->player.since_rest = 1; /* this note: another answer may follow it */
    } else if (length > 0.0 && rp_band_tick(band, band->now) >= (double)band->plan.begin + length) {
        rp_turns_yield(band);
    }
}

/* While it comps: the player pauses. [worker] */
static void from_comping(rp_continuation *band) {
    double rest = bars(band, band->set[RP_SET_REST_BARS]), pause = silence(band);
    double until = RP_TICKS_A_BEAT * band->set[RP_SET_HANDOVER_BEATS];
    double now = rp_band_tick(band, band->now);
    if (band->config.mode == RP_MODE_DUET && pause >= until) rp_turns_hand_over(band);
    else if (band->config.mode == RP_MODE_BAND && rest > 0.0 && pause >= rest) rp_turns_yield(band);
    else rp_plan_wake(band, (int64_t)floor(now) - RP_TICKS_A_BEAT / 2);
}

void rp_turns_take(rp_continuation *band) {
    static void (*const take[])(rp_continuation *) = {from_listening, from_answering, from_comping};
    if (band->player.pedal_struck) rp_turns_hand_over(band);
    band->player.pedal_struck = 0;
    if (band->anchored && !rp_lead_stands(band)) take[band->state](band);
}
