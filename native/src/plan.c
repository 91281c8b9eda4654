/* plan.c - see plan.h. What is sent and taken back is in commit.c. */
#include "plan.h"

#include <string.h>

#include "allow.h"

enum { PLANNED_SHARE = 4, REST_MOST = 8 * RP_TICKS_A_BEAT };

/* [worker] */
static void give_up(rp_continuation *band, const rp_entry *entry) {
    band->stats.dropped += entry->origin == RP_FROM_PLAN;
    rp_band_report_note(band, RP_BAND_DROPPED, entry);
}

/* Forget the reserve's notes before this tick. [worker] */
static void spend_reserve(rp_continuation *band, int64_t tick) {
    rp_plan *plan = &band->plan;
    uint32_t n = 0;
    while (n < plan->reserves && plan->reserve[n].tick < tick) give_up(band, &plan->reserve[n++]);
    plan->reserves -= n;
    if (n) memmove(plan->reserve, plan->reserve + n, plan->reserves * sizeof *plan->reserve);
}

/* The plan that was under way, and behind it what is left of the one before. [worker] */
void rp_plan_drop(rp_continuation *band) {
    rp_plan *plan = &band->plan;
    rp_context *context = &band->context;
    uint32_t count = context->count - context->settled;
    if (band->state == RP_STATE_LISTENING || (count == 0 && plan->reserves == 0)) return;
    spend_reserve(band, plan->covered + 1);
    if (count + plan->reserves > RP_RESERVE_MAX) plan->reserves = RP_RESERVE_MAX - count;
    memmove(plan->reserve + count, plan->reserve, plan->reserves * sizeof *plan->reserve);
    memcpy(plan->reserve, context->entry + context->settled, count * sizeof *plan->reserve);
    plan->reserves += count;
    if (plan->covered > plan->reserve_until) plan->reserve_until = plan->covered;
    rp_context_cut(context, context->settled);
    plan->covered = plan->from;
    if (context->count && context->entry[context->count - 1].tick > plan->covered)
        plan->covered = context->entry[context->count - 1].tick;
}

void rp_plan_forget(rp_continuation *band) {
    rp_plan *plan = &band->plan;
    spend_reserve(band, INT64_MAX);
    plan->reserve_until = INT64_MIN;
    for (uint32_t i = band->context.settled; i < band->context.count; i++) give_up(band, &band->context.entry[i]);
    rp_context_cut(&band->context, band->context.settled);
}

void rp_plan_wake(rp_continuation *band, int64_t tick) {
    rp_context *context = &band->context;
    int woken = 0;
    for (uint32_t i = context->settled; i-- > 0;) {
        const rp_entry *entry = &context->entry[i];
        if (entry->tick + RP_LONGEST_REST * RP_TICKS_A_BEAT < tick) break;
        if (entry->origin != RP_FROM_FANCY || entry->tick > tick) continue;
        if (!woken++) rp_plan_drop(band);
        give_up(band, entry);
        rp_context_remove(context, i);
    }
}

/* [worker] */
static void plan_note(rp_continuation *band, const rp_event *event) {
    int comping = band->state == RP_STATE_COMPING;
    const int16_t *column = event->column;
    rp_entry entry = {.tick = event->tick, .serial = ++band->plan.serial};
    entry.code = (uint8_t)column[RP_FIELD_INSTRUMENT];
    entry.pitch = (uint8_t)(column[RP_FIELD_PITCH] - 1);
    entry.length = (int32_t)rp_duration_ticks((uint32_t)column[RP_FIELD_DURATION]);
    entry.velocity = rp_velocity_of((uint32_t)column[RP_FIELD_VELOCITY]);
    entry.origin = comping && band->players[entry.code] ? RP_FROM_FANCY : RP_FROM_PLAN;
    entry.member = RP_NO_MEMBER;
    if (entry.origin == RP_FROM_PLAN) entry.member = (uint8_t)rp_band_member_of(band, entry.code, entry.pitch);
    rp_context_plan(&band->context, entry);
    rp_band_report_note(band, RP_BAND_PLANNED, &entry);
    band->stats.planned++;
}

/* The ticks in which the next event may lie. The first note of an answer is due at its very beginning. [worker] */
static void bounds(const rp_continuation *band, int64_t *earliest, int64_t *latest) {
    const rp_plan *plan = &band->plan;
    *earliest = plan->covered > plan->from ? plan->covered : plan->from;
    *latest = plan->fresh && band->state == RP_STATE_ANSWERING ? *earliest : *earliest + REST_MOST;
}

/* [worker] */
static int enough(const rp_continuation *band) {
    const rp_context *context = &band->context;
    double ahead = RP_TICKS_A_BEAT * (band->set[RP_SET_COMMIT_BEATS] + band->set[RP_SET_PLAN_BEATS]);
    double now = rp_band_tick(band, band->now), begin = (double)band->plan.begin;
    if (context->count - context->settled >= context->room / PLANNED_SHARE) return 1;
    return (double)band->plan.covered >= (now > begin ? now : begin) + ahead || now < (double)band->plan.resume;
}

int rp_plan_decide(rp_continuation *band) {
    rp_choice choice;
    rp_event event;
    rp_plan *plan = &band->plan;
    if (band->state == RP_STATE_LISTENING || enough(band)) return 0;
    bounds(band, &choice.earliest, &choice.latest);
    rp_allow(band, choice.earliest, choice.latest, &choice);
    int chosen = rp_sample_event(band->context.main.decoder, &choice, &band->random, &event);
    if (chosen < 0) { /* the reserve plays, then there is a rest; a beat later it is tried again */
        plan->resume = rp_band_near(band) + RP_TICKS_A_BEAT;
        band->stats.faults++;
        rp_band_report_to(band, (rp_band_report){.kind = RP_BAND_FAULT, .value = (uint32_t)band->stats.faults});
        return 0;
    }
    plan->fresh = 0;
    if (chosen == 0) { /* nobody may play: a beat's rest */
        plan->covered = choice.earliest + RP_TICKS_A_BEAT;
        return 1;
    }
    plan_note(band, &event);
    plan->covered = event.tick;
    spend_reserve(band, plan->covered);
    return 1;
}
