/* commit.c - see plan.h: from the plan to the process thread, and back. */
#include <math.h>
#include <string.h>

#include "lead.h"
#include "plan.h"

static const double LEAST_SECONDS = 0.02; /* a note lasts this long at least */

/* A tick with something due: once a tick. [worker] */
static void count_due(rp_continuation *band, int64_t tick, int there, int stale) {
    if (tick <= band->plan.counted) return;
    band->plan.counted = tick;
    band->stats.due++;
    band->stats.missed += !there;
    band->stats.stale += there && stale;
}

/* Does the player hold this pitch, or is he imagined to at that tick? [worker] */
static int doubles(const rp_continuation *band, const rp_entry *note, uint32_t at) {
    const rp_context *context = &band->context;
    if (note->code == RP_CODES - 1) return 0;
    for (uint32_t i = 0; i < band->player.keys; i++)
        if (band->player.held[i].pitch == note->pitch) return 1;
    for (uint32_t i = at < context->count ? at : context->count; i-- > 0;) {
        const rp_entry *entry = &context->entry[i];
        if (entry->tick + RP_LONGEST_REST * RP_TICKS_A_BEAT < note->tick) break;
        if (entry->origin == RP_FROM_FANCY && entry->pitch == note->pitch && entry->tick + entry->length > note->tick)
            return 1;
    }
    return 0;
}

/* [worker] */
static rp_commit message_of(rp_continuation *band, const rp_entry *entry) {
    rp_commit commit = {.order = band->plan.order + 1, .epoch = band->epoch, .pitch = entry->pitch};
    commit.place = band->clock.place;
    int64_t delay = rp_feel_delay(&band->feel, entry->member, band->set[RP_SET_HUMANIZE]);
    int64_t on = (int64_t)rp_tempo_frame(&band->tempo, entry->tick) + delay;
    int64_t first = (int64_t)(rp_band_hurries(band) ? rp_band_soonest(band) : band->now + band->cycle);
    int64_t off = (int64_t)rp_tempo_frame(&band->tempo, entry->tick + entry->length) + delay;
    int64_t least = (int64_t)(LEAST_SECONDS * band->config.sample_rate);
    if (on < first) on = first;
    commit.on = (uint64_t)on;
    commit.off = (uint64_t)(off < on + least ? on + least : off);
    commit.instrument = band->config.member[entry->member].instrument;
    commit.velocity = rp_feel_velocity(&band->feel, entry->velocity, band->set[RP_SET_FOLLOW_VELOCITY],
                                       entry->tick % RP_TICKS_A_BEAT == 0);
    return commit;
}

/* Its beginning has passed, or will have when the process thread hears of it. [worker] */
static int too_late(const rp_continuation *band, int64_t tick) {
    if (rp_band_hurries(band) && tick >= band->plan.begin) return 0;
    return rp_tempo_frame(&band->tempo, tick) < band->now + band->cycle;
}

/* [worker] */
static void tell_committed(rp_continuation *band, const rp_entry *entry, const rp_commit *commit) {
    rp_band_report report = {.kind = RP_BAND_COMMITTED, .frame = commit->on, .until = commit->off};
    report.tick = entry->tick;
    report.serial = entry->serial;
    report.code = entry->code;
    report.instrument = commit->instrument;
    report.pitch = entry->pitch;
    report.velocity = commit->velocity;
    report.stale = entry->stale;
    rp_band_report_to(band, report);
}

/* [worker] */
static void note_answer(rp_continuation *band) {
    if (!band->answering) return;
    band->stats.answers++;
    band->stats.answer_last = rp_now() - band->answering;
    if (band->stats.answer_last > band->stats.answer_max) band->stats.answer_max = band->stats.answer_last;
    band->answering = 0;
}

/* Send it. 0: it is late, doubles the player, or there is no room: it will not sound. [worker] */
static int send(rp_continuation *band, rp_entry *entry, uint32_t at) {
    int late = too_late(band, entry->tick);
    count_due(band, entry->tick, !late, entry->stale);
    if (late) return 0;
    if (doubles(band, entry, at)) {
        band->stats.doubled++;
        return 0;
    }
    rp_commit commit = message_of(band, entry);
    if (!rp_ring_write(band->bridge.committed, RP_COMMIT_NOTE, &commit, sizeof commit)) {
        rp_bridge_count(&band->bridge.refused);
        return 0;
    }
    entry->order = band->plan.order = commit.order;
    entry->on = commit.on;
    entry->origin = RP_FROM_BAND;
    band->stats.committed++;
    tell_committed(band, entry, &commit);
    note_answer(band);
    return 1;
}

/* The first of the planned entries is settled, or left out. [worker] */
static void settle(rp_continuation *band) {
    rp_context *context = &band->context;
    rp_entry *entry = &context->entry[context->settled];
    if (entry->origin == RP_FROM_FANCY || send(band, entry, context->settled)) {
        context->settled++;
        return;
    }
    band->stats.dropped++;
    rp_band_report_note(band, RP_BAND_DROPPED, entry);
    rp_context_remove(context, context->settled);
}

/* A note of the older plan. [worker] */
static void serve(rp_continuation *band, rp_entry note) {
    note.stale = 1;
    if (rp_context_full(&band->context)) rp_context_move(&band->context, UINT32_MAX);
    uint32_t at = rp_context_find(&band->context, note.tick, note.code, note.pitch);
    if (note.origin == RP_FROM_PLAN && send(band, &note, at)) {
        rp_context_insert(&band->context, note);
        return;
    }
    band->stats.dropped += note.origin == RP_FROM_PLAN;
    rp_band_report_note(band, RP_BAND_DROPPED, &note);
}

/* The plan is not there for the ticks before `until`: the reserve is, or there is a rest. [worker] */
static void bridge_gap(rp_continuation *band, int64_t until) {
    rp_plan *plan = &band->plan;
    uint32_t n = 0, missed = 0;
    for (; n < plan->reserves && plan->reserve[n].tick < until; n++) serve(band, plan->reserve[n]);
    plan->reserves -= n;
    if (n) memmove(plan->reserve, plan->reserve + n, plan->reserves * sizeof *plan->reserve);
    int64_t tick = plan->reserve_until > plan->covered ? plan->reserve_until : plan->covered;
    for (; tick < until; tick++, missed++) count_due(band, tick, 0, 0);
    if (missed) {
        rp_band_report rest = {.kind = RP_BAND_MISSED, .value = missed, .tick = until - missed};
        rest.frame = rp_tempo_frame(&band->tempo, rest.tick);
        rp_band_report_to(band, rest);
        band->stats.late_worker++;
    }
    plan->covered = until;
}

/* A cancellation that found the ring full is tried again before anything else is sent. 1: none waits. [worker] */
static int take_back(rp_continuation *band) {
    rp_plan *plan = &band->plan;
    rp_commit cancel = {.epoch = band->epoch, .place = band->clock.place, .order = plan->cancel};
    if (plan->cancelling && rp_ring_write(band->bridge.committed, RP_COMMIT_CANCEL, &cancel, sizeof cancel))
        plan->cancelling = 0;
    return !plan->cancelling;
}

void rp_plan_commit(rp_continuation *band) {
    rp_context *context = &band->context;
    rp_plan *plan = &band->plan;
    if (!take_back(band) || band->state == RP_STATE_LISTENING) return;
    int64_t near = rp_band_near(band);
    double horizon = rp_band_tick(band, band->now) + rp_lead_horizon(band);
    if (horizon <= (double)plan->begin) horizon = (double)plan->begin + 1.0; /* the first of it is sent as decided */
    while (context->settled < context->count) {
        int64_t tick = context->entry[context->settled].tick;
        if ((double)tick >= horizon && tick >= near) break;
        settle(band);
    }
    if (plan->covered < near) bridge_gap(band, near);
    if (plan->from < near) plan->from = near;
}

/* A note that sounds no more, or that the player was only thought to play. [worker] */
static void strike_out(rp_continuation *band, uint32_t at) {
    const rp_entry *entry = &band->context.entry[at];
    band->stats.cancelled += entry->origin == RP_FROM_BAND;
    rp_band_report_note(band, RP_BAND_DROPPED, entry);
    rp_context_remove(&band->context, at);
}

void rp_plan_cancel(rp_continuation *band, int64_t tick, int told) {
    rp_context *context = &band->context;
    rp_plan *plan = &band->plan;
    while (!told && context->settled < context->count && context->entry[context->settled].tick < tick) settle(band);
    rp_plan_forget(band);
    for (uint32_t i = context->count; i-- > 0;) {
        const rp_entry *entry = &context->entry[i];
        if (entry->tick < tick) break;
        int sent = entry->origin == RP_FROM_BAND;
        if (!sent && entry->origin != RP_FROM_FANCY) continue;
        if (sent && (!plan->cancelling || entry->order < plan->cancel)) {
            plan->cancel = entry->order;
            plan->cancelling = 1;
        }
        strike_out(band, i);
    }
    if (told) plan->cancelling = 0;
    take_back(band);
}

void rp_plan_recall(rp_continuation *band, uint64_t frame) {
    rp_context *context = &band->context;
    uint64_t bound = (uint64_t)rp_feel_bound(&band->feel);
    double tick = rp_band_tick(band, frame), least = rp_band_tick(band, frame > bound ? frame - bound : 0);
    rp_plan_forget(band);
    band->plan.cancelling = 0;
    for (uint32_t i = context->count; i-- > 0;) {
        const rp_entry *entry = &context->entry[i];
        if ((double)entry->tick < floor(least)) break;
        int silent = entry->origin == RP_FROM_BAND ? entry->on >= frame : (double)entry->tick >= tick;
        if (silent && entry->origin != RP_FROM_PLAYER) strike_out(band, i);
    }
}
