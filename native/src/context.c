/* context.c - see context.h. */
#include "context.h"

#include <stdlib.h>
#include <string.h>

enum { DURATIONS = 32, VELOCITY_STEP = 4, BLOCK = 64, NEAR_FULL = 8, STYLE_MARK = 15, CODES = 66 };

uint8_t rp_duration_code(int64_t length) {
    uint8_t best = 1;
    for (uint8_t code = 2; code <= DURATIONS; code++)
        if (llabs(rp_duration_ticks(code) - length) < llabs(rp_duration_ticks(best) - length)) best = code;
    return best;
}

uint8_t rp_velocity_code(uint8_t velocity) { return velocity ? (uint8_t)(velocity / VELOCITY_STEP + 1) : 0; }

uint8_t rp_velocity_of(uint32_t code) { return code ? (uint8_t)((code - 1) * VELOCITY_STEP + VELOCITY_STEP / 2) : 0; }

int rp_context_open(rp_context *context, const rp_transformer *transformer, uint32_t room) {
    context->room = room;
    context->entry = calloc(room, sizeof *context->entry);
    context->main.decoder = rp_decoder_new(transformer, room);
    context->spare.decoder = rp_decoder_new(transformer, room);
    return context->entry && context->main.decoder && context->spare.decoder;
}

void rp_context_close(rp_context *context) {
    rp_decoder_free(context->main.decoder);
    rp_decoder_free(context->spare.decoder);
    free(context->entry);
}

void rp_context_introduce(rp_context *context, const uint8_t playing[CODES], uint32_t style, uint32_t meter) {
    uint32_t rows = 1;
    memset(context->prefix, 0, sizeof context->prefix);
    context->meter = meter;
    context->prefix[0][RP_COLUMN_MARK] = (int16_t)(style ? STYLE_MARK + style : 0);
    for (int16_t code = 1; code < CODES && rows + 1 < RP_PREFIX_MAX; code++) {
        if (!playing[code]) continue;
        context->prefix[rows][RP_FIELD_TYPE] = RP_TYPE_INSTRUMENT;
        context->prefix[rows++][RP_FIELD_INSTRUMENT] = code;
    }
    context->prefix[rows++][RP_FIELD_TYPE] = RP_TYPE_NOTES;
    context->prefix_rows = rows;
}

/* [worker] */
static int before(const rp_entry *a, int64_t tick, uint32_t code, uint32_t pitch) {
    if (a->tick != tick) return a->tick < tick;
    if (a->code != code) return a->code < code;
    return a->pitch < pitch;
}

uint32_t rp_context_find(const rp_context *context, int64_t tick, uint32_t code, uint32_t pitch) {
    uint32_t at = context->count;
    while (at > 0 && !before(&context->entry[at - 1], tick, code, pitch)) at--;
    return at;
}

/* The rows of a view from entry `at` on are no longer true. [worker] */
static void spoil(rp_context *context, rp_view *view, uint32_t at) {
    uint32_t rows = at < view->first ? 0 : context->prefix_rows + at - view->first;
    if (rows >= view->valid) return;
    context->rolled_back += view->valid - rows;
    view->valid = rows;
}

void rp_context_changed(rp_context *context, uint32_t at) {
    spoil(context, &context->main, at);
    if (context->moving && at >= context->spare.first) spoil(context, &context->spare, at);
}

void rp_context_begin(rp_context *context, int64_t tick) {
    int64_t start = rp_beat_of(tick) * RP_TICKS_A_BEAT;
    if (start == context->main.start || (context->count && start > context->main.start)) return;
    spoil(context, &context->main, 0);
    context->main.valid = 0; /* the rows before the notes bear its tick */
    context->main.start = start;
}

uint32_t rp_context_insert(rp_context *context, rp_entry entry) {
    rp_context_begin(context, entry.tick);
    uint32_t at = rp_context_find(context, entry.tick, entry.code, entry.pitch);
    if (context->moving && at <= context->spare.first) context->spare.first++;
    rp_context_changed(context, at);
    memmove(context->entry + at + 1, context->entry + at, (context->count - at) * sizeof entry);
    context->entry[at] = entry;
    context->settled = ++context->count;
    return at;
}

void rp_context_plan(rp_context *context, rp_entry entry) {
    rp_context_begin(context, entry.tick);
    context->entry[context->count++] = entry;
}

void rp_context_remove(rp_context *context, uint32_t at) {
    rp_context_changed(context, at);
    context->count--;
    if (at < context->settled) context->settled--;
    memmove(context->entry + at, context->entry + at + 1, (context->count - at) * sizeof *context->entry);
    if (context->moving && at < context->spare.first) context->spare.first--;
    if (context->spare.first >= context->settled) context->moving = 0;
}

void rp_context_cut(rp_context *context, uint32_t count) {
    if (count >= context->count) return;
    rp_context_changed(context, count);
    context->count = count;
    if (context->settled > count) context->settled = count;
    if (context->spare.first >= context->settled) context->moving = 0;
}

rp_event rp_context_event(const rp_context *context, uint32_t at, uint32_t first, int64_t start) {
    const rp_entry *entry = &context->entry[at];
    int64_t beat = rp_beat_of(entry->tick), last = at > first ? rp_beat_of(entry[-1].tick) : rp_beat_of(start);
    int64_t rest = beat - last < RP_LONGEST_REST ? beat - last : RP_LONGEST_REST;
    rp_event event = {.tick = entry->tick, .column = {RP_TYPE_NOTE}};
    int64_t in_bar = context->meter ? beat % context->meter : 0;
    event.column[RP_FIELD_BEAT] = (int16_t)rest;
    event.column[RP_FIELD_POSITION] = (int16_t)(entry->tick - beat * RP_TICKS_A_BEAT + 1);
    event.column[RP_FIELD_INSTRUMENT] = entry->code;
    event.column[RP_FIELD_PITCH] = (int16_t)(entry->pitch + 1);
    event.column[RP_FIELD_DURATION] = rp_duration_code(entry->length);
    event.column[RP_FIELD_VELOCITY] = rp_velocity_code(entry->velocity);
    if (context->meter) event.column[RP_COLUMN_MARK] = (int16_t)((in_bar < 0 ? in_bar + context->meter : in_bar) + 1);
    return event;
}

/* [worker] */
static rp_event row_of(const rp_context *context, const rp_view *view, uint32_t row) {
    rp_event event = {.tick = view->start};
    if (row >= context->prefix_rows)
        return rp_context_event(context, view->first + row - context->prefix_rows, view->first, view->start);
    memcpy(event.column, context->prefix[row], sizeof event.column);
    return event;
}

/* [worker] */
static uint32_t rows_of(const rp_context *context, const rp_view *view) {
    return context->prefix_rows + context->count - view->first;
}

/* Absorb at most so many of the rows that a view lacks. [worker] */
static void catch_up(rp_context *context, rp_view *view, uint32_t most) {
    rp_event block[BLOCK];
    uint32_t rows = rows_of(context, view);
    if (rp_decoder_length(view->decoder) > view->valid) rp_decoder_rewind(view->decoder, view->valid);
    while (most > 0 && view->valid < rows) {
        uint32_t n = rows - view->valid;
        if (n > most) n = most;
        if (n > BLOCK) n = BLOCK;
        for (uint32_t i = 0; i < n; i++) block[i] = row_of(context, view, view->valid + i);
        uint32_t taken = rp_decoder_absorb(view->decoder, block, n);
        if (taken == 0) return;
        view->valid += taken;
        context->rows += taken;
        most -= taken;
    }
}

uint32_t rp_context_lacks(const rp_context *context) {
    uint32_t rows = rows_of(context, &context->main), valid = context->main.valid;
    return rows > valid ? rows - valid : 0;
}

int rp_context_sync(rp_context *context, uint32_t most) {
    if (rp_context_lacks(context)) catch_up(context, &context->main, most);
    else if (rp_decoder_length(context->main.decoder) > context->main.valid)
        rp_decoder_rewind(context->main.decoder, context->main.valid);
    return rp_context_lacks(context) == 0;
}

int rp_context_full(const rp_context *context) { return rows_of(context, &context->main) + NEAR_FULL >= context->room; }

/* The newer half of the entries for the spare. [worker] */
static void begin_move(rp_context *context) {
    context->moving = 1;
    context->spare.first = context->count / 2 < context->settled ? context->count / 2 : context->settled / 2;
    context->spare.valid = 0;
    context->spare.start = rp_beat_of(context->entry[context->spare.first].tick) * RP_TICKS_A_BEAT;
}

/* The spare takes over; what it does not hold is forgotten. [worker] */
static void end_move(rp_context *context) {
    rp_view old = context->main;
    uint32_t gone = context->spare.first;
    context->main = context->spare;
    context->spare = old;
    context->main.first = 0;
    context->moving = 0;
    context->count -= gone;
    context->settled -= gone;
    context->moves++;
    memmove(context->entry, context->entry + gone, context->count * sizeof *context->entry);
}

int rp_context_move(rp_context *context, uint32_t most) {
    if (!context->moving && rows_of(context, &context->main) < context->room / 4 * 3) return 0;
    if (!context->moving) begin_move(context);
    uint32_t lacks = rows_of(context, &context->spare) - context->spare.valid;
    catch_up(context, &context->spare, most);
    if (lacks <= most || rp_context_full(context)) {
        catch_up(context, &context->spare, UINT32_MAX);
        end_move(context);
    }
    return 1;
}
