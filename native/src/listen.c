/* listen.c - see listen.h.
 *
 * A note is told as long as the player's have been of late: a wrong guess costs a roll-back at the note-off, and the
 * mean is the least wrong. At its note-off it is corrected. */
#include "listen.h"

#include <math.h>
#include <string.h>

#include "lead.h"
#include "plan.h"

enum {
    FINGERS = 10,    /* notes of one tick that come into the context */
    DEEP = 96,       /* rows: a length that lies deeper is corrected with the next roll-back, not at once */
    PAUSE_BEATS = 4, /* after such a silence a followed player may begin anywhere: it is a bar's first beat */
    PEDAL_DOWN = 64
};
static const double USUAL_LENGTH = 6.0, LENGTH_RATE = 0.1, LONGEST = 48.0; /* ticks */

void rp_listen_begin(rp_continuation *band) {
    memset(&band->player, 0, sizeof band->player);
    band->player.length = USUAL_LENGTH;
}

void rp_listen_anchor(rp_continuation *band, uint64_t frame) {
    rp_tempo_begin(&band->tempo, band->config.sample_rate, frame, band->bpm);
    band->anchored = 1;
}

/* A followed player begins anew after a silence: that is the first beat of a bar. [worker] */
static void begin_phrase(rp_continuation *band, uint64_t frame) {
    const rp_playing *player = &band->player;
    double pause = PAUSE_BEATS * 60.0 / band->bpm * band->config.sample_rate;
    int64_t bar = RP_TICKS_A_BEAT * (int64_t)(band->config.meter ? band->config.meter : 1);
    if (!band->anchored) rp_listen_anchor(band, frame);
    if (band->clock.on || band->set[RP_SET_TEMPO_SOURCE] != RP_TEMPO_FOLLOW || band->state != RP_STATE_LISTENING)
        return;
    if (player->keys || !player->notes || (double)(frame - player->last_off) < pause) return;
    rp_tempo_jump(&band->tempo, frame, (int64_t)ceil(rp_tempo_tick(&band->tempo, frame) / (double)bar) * bar);
}

/* Where it is in the grid, and what that says of the player. [worker] */
static int64_t place(rp_continuation *band, const rp_heard *heard) {
    double exact = rp_tempo_tick(&band->tempo, heard->frame);
    int64_t tick = llround(exact);
    double late = (double)(int64_t)(heard->frame - rp_tempo_frame(&band->tempo, tick)) / band->config.sample_rate;
    if (!band->clock.on && band->set[RP_SET_TEMPO_SOURCE] == RP_TEMPO_FOLLOW)
        rp_follow_onset(&band->follow, heard->frame, exact, band->config.sample_rate, &band->bpm);
    rp_feel_heard(&band->feel, heard->second, late);
    rp_key_hear(&band->key, heard->first);
    return tick;
}

/* [worker] */
static void hold(rp_continuation *band, const rp_heard *heard, uint32_t serial) {
    rp_playing *player = &band->player;
    if (player->keys == RP_HELD_MAX) return;
    player->held[player->keys++] =
        (rp_held){.frame = heard->frame, .note = heard->note, .serial = serial, .pitch = heard->first};
}

/* The player's notes at a tick. [worker] */
static uint32_t struck_at(const rp_context *context, int64_t tick) {
    uint32_t count = 0;
    for (uint32_t i = rp_context_find(context, tick, 0, 0); i < context->count && context->entry[i].tick == tick; i++)
        count += context->entry[i].origin == RP_FROM_PLAYER;
    return count;
}

/* Put it into the context; its serial number, 0: it is not there. [worker] */
static uint32_t enter(rp_continuation *band, const rp_heard *heard, uint8_t code, int64_t tick) {
    rp_context *context = &band->context;
    uint32_t at = rp_context_find(context, tick, code, heard->first);
    const rp_entry *there = &context->entry[at];
    if (at < context->count && there->tick == tick && there->code == code && there->pitch == heard->first) {
        band->stats.merged++;
        return there->serial;
    }
    if (struck_at(context, tick) >= FINGERS) {
        band->stats.thinned++;
        return 0;
    }
    rp_entry entry = {.tick = tick, .code = code, .pitch = heard->first, .velocity = heard->second};
    entry.length = (int32_t)lround(band->player.length);
    entry.member = RP_NO_MEMBER;
    entry.origin = RP_FROM_PLAYER;
    entry.serial = ++band->plan.serial;
    rp_context_insert(context, entry);
    rp_band_report_note(band, RP_BAND_HEARD, &entry);
    band->stats.heard++;
    return entry.serial;
}

/* [worker] */
static void key_down(rp_continuation *band, const rp_heard *heard) {
    rp_playing *player = &band->player;
    uint8_t code = band->config.player[heard->channel];
    if (!code) return;
    begin_phrase(band, heard->frame);
    int64_t tick = place(band, heard);
    if (!player->struck) {
        rp_plan_wake(band, tick);
        rp_plan_drop(band);
        if (!band->hearing) band->hearing = rp_now();
    }
    if (!player->since_rest++) player->first_tick = tick;
    player->struck = 1;
    player->notes++;
    player->last_on = heard->frame;
    if (rp_context_full(&band->context)) rp_context_move(&band->context, UINT32_MAX);
    hold(band, heard, enter(band, heard, code, tick));
}

/* The entry of a serial number, as far back as a note may reasonably last; its place, or `count`. [worker] */
static uint32_t entry_of(const rp_context *context, uint32_t serial) {
    uint32_t i = context->count;
    while (i-- > 0)
        if (context->entry[i].serial == serial) return i;
    return context->count;
}

/* Its length is known now. [worker] */
static void correct(rp_continuation *band, const rp_held *held, uint64_t frame) {
    rp_context *context = &band->context;
    uint32_t at = held->serial ? entry_of(context, held->serial) : context->count;
    if (at == context->count) return;
    rp_entry *entry = &context->entry[at];
    double ticks = rp_tempo_tick(&band->tempo, frame) - rp_tempo_tick(&band->tempo, held->frame);
    int32_t length = ticks < 1.0 ? 1 : (int32_t)lround(fmin(ticks, 384.0));
    uint8_t told = rp_duration_code(entry->length);
    band->player.length += LENGTH_RATE * (fmin(fmax(ticks, 1.0), LONGEST) - band->player.length);
    entry->length = length;
    if (rp_duration_code(length) == told) return;
    if (context->count - at > DEEP) {
        band->stats.uncorrected++;
        return;
    }
    rp_context_changed(context, at);
    if (!band->hearing) band->hearing = rp_now();
}

/* [worker] */
static void key_up(rp_continuation *band, const rp_heard *heard) {
    rp_playing *player = &band->player;
    for (uint32_t i = 0; i < player->keys; i++) {
        if (player->held[i].note != heard->note) continue;
        rp_held held = player->held[i];
        player->held[i] = player->held[--player->keys];
        player->last_off = heard->frame;
        correct(band, &held, heard->frame);
        return;
    }
}

/* [worker] */
static void control(rp_continuation *band, const rp_heard *heard) {
    rp_playing *player = &band->player;
    if (heard->first != (uint8_t)band->set[RP_SET_HANDOVER_PEDAL]) return;
    int down = heard->second >= PEDAL_DOWN;
    if (down && !player->pedal) player->pedal_struck = 1;
    player->pedal = down;
}

void rp_listen(rp_continuation *band) {
    rp_playing *player = &band->player;
    uint64_t unheard = atomic_load_explicit(&band->bridge.unheard, memory_order_relaxed);
    union {
        rp_heard heard;
        rp_heard_clock clock;
    } told;
    uint32_t type;
    player->struck = 0;
    while (rp_ring_read(band->bridge.heard, &type, &told, sizeof told) >= 0) {
        if (type == RP_HEARD_ON) key_down(band, &told.heard);
        else if (type == RP_HEARD_OFF) key_up(band, &told.heard);
        else if (type == RP_HEARD_CLOCK) rp_lead_hear(band, &told.clock);
        else control(band, &told.heard);
    }
    /* A note-off that was not heard would leave its key down for ever. */
    if (unheard != player->unheard) player->keys = 0;
    player->unheard = unheard;
}
