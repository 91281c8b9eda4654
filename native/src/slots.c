/* slots.c - see slots.h. */
#include "slots.h"

#include <string.h>

#include "change.h"

enum { DOWN = 64, CC_BANK = 0, CC_BANK_FINE = 32 };

void rp_slots_open(rp_engine *engine) {
    engine->slots.playing = engine->slots.wanted = RP_NO_SLOT;
    engine->slots.program_channel = RP_NEITHER_CHANNEL;
}

void rp_slots_free(rp_engine *engine) {
    if (engine->rig && !rp_slots_keep(engine, engine->rig)) rp_rig_free(engine->rig);
    for (uint32_t i = 0; i < RP_SLOTS_MAX; i++) rp_rig_free(engine->slots.rig[i]);
}

int rp_slots_keep(const rp_engine *engine, const rp_rig *rig) {
    for (uint32_t i = 0; i < RP_SLOTS_MAX; i++)
        if (engine->slots.rig[i] == rig) return 1;
    return 0;
}

/* Control is told, in its place among the notes; where the ring is full, in a later cycle. [process] */
static void tell(rp_engine *engine) {
    rp_slots *slots = &engine->slots;
    rp_report report = {.frame = engine->outlet.now, .kind = RP_REPORT_SLOT, .value = slots->playing};
    if (slots->told != slots->arrivals && rp_engine_report(engine, report)) slots->told = slots->arrivals;
    report.kind = RP_REPORT_WANTED;
    report.value = slots->wanted;
    int missing = slots->wanted != RP_NO_SLOT && !slots->rig[slots->wanted];
    if (missing && !slots->wanted_told) slots->wanted_told = rp_engine_report(engine, report);
}

/* To a slot now or, where its rig is not there or has no room, as soon as that is mended. [process] */
static void go(rp_engine *engine, uint32_t slot) {
    rp_slots *slots = &engine->slots;
    if (slot >= slots->count) return;
    rp_rig *rig = slots->rig[slot];
    int given_up = slots->wanted != RP_NO_SLOT && slots->wanted != slot;
    if (slots->wanted != slot) slots->wanted_told = 0;
    slots->wanted = slot;
    uint32_t before = engine->rig_serial;
    if (rig && rp_change(engine, rig)) {
        engine->stats.changes += engine->rig_serial != before;
        slots->arrivals += engine->rig_serial != before || given_up;
        slots->playing = slot;
        slots->wanted = RP_NO_SLOT;
    }
    tell(engine);
}

/* The next or the previous one, from where we are or are about to be. [process] */
static void step(rp_engine *engine, uint8_t where) {
    const rp_slots *slots = &engine->slots;
    uint32_t from = slots->wanted != RP_NO_SLOT ? slots->wanted : slots->playing, count = slots->count;
    if (count < 2) return;
    if (from >= count) from = where == RP_GO_NEXT ? count - 1 : 0;
    go(engine, (from + (where == RP_GO_NEXT ? 1 : count - 1)) % count);
}

/* [process] */
static void act(rp_engine *engine, uint8_t go) {
    if (go == RP_GO_TAP) rp_conductor_tap(&engine->conductor, engine->outlet.now);
    else step(engine, go);
}

/* [process] */
static void arm(rp_engine *engine, uint32_t slot, rp_rig *rig) {
    rp_rig *before = engine->slots.rig[slot];
    engine->slots.rig[slot] = rig;
    if (before && before != engine->rig && before != rig) rp_change_let_go(engine, before);
    if (rig && engine->slots.wanted == slot) go(engine, slot);
}

/* [process] */
static void set_slots(rp_slots *slots, const rp_command *command) {
    slots->count = command->slot;
    slots->program_channel = command->number;
    if (slots->wanted != RP_NO_SLOT && slots->wanted >= slots->count) slots->wanted = RP_NO_SLOT;
}

/* [process] */
static void set_trigger(rp_slots *slots, const rp_command *command) {
    uint32_t which = command->number % RP_TRIGGERS_MAX;
    slots->trigger[which] = command->trigger;
    slots->set[which] = command->number < RP_TRIGGERS_MAX;
    slots->down[which] = 0;
}

void rp_slots_obey(rp_engine *engine, uint32_t type, const rp_command *command) {
    rp_slots *slots = &engine->slots;
    if (type == RP_COMMAND_ARM) arm(engine, command->slot, command->rig);
    else if (type == RP_COMMAND_GO) go(engine, command->slot);
    else if (type == RP_COMMAND_SLOTS) set_slots(slots, command);
    else if (type == RP_COMMAND_PROGRAM) slots->program[command->slot] = command->number + 1;
    else if (type == RP_COMMAND_TRIGGER) set_trigger(slots, command);
}

void rp_slots_unplug(rp_engine *engine) { memset(engine->slots.down, 0, sizeof engine->slots.down); }

void rp_slots_tend(rp_engine *engine) {
    uint32_t wanted = engine->slots.wanted;
    if (wanted != RP_NO_SLOT && engine->slots.rig[wanted]) go(engine, wanted);
    tell(engine);
}

/* [process] */
static int is_on(uint32_t channel, const rp_midi_message *message) {
    return channel == RP_EVERY_CHANNEL || channel == (message->byte[0] & 15);
}

/* A program change or a bank select. [process] */
static int hear_program(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    rp_slots *slots = &engine->slots;
    uint8_t number = message->byte[1], value = message->byte[2];
    int program = rp_midi_kind(message) == RP_MIDI_PROGRAM;
    if (!is_on(slots->program_channel, message)) return 0;
    uint16_t *bank = &slots->bank[in_port][message->byte[0] & 15];
    if (!program && number != CC_BANK && number != CC_BANK_FINE) return 0;
    if (!program && number == CC_BANK) *bank = (uint16_t)(value << 7 | (*bank & 127));
    if (!program && number == CC_BANK_FINE) *bank = (uint16_t)((*bank & 127 << 7) | value);
    for (uint32_t slot = 0; program && slot < slots->count; slot++) {
        if (slots->program[slot] != ((uint32_t)*bank << 7 | number) + 1) continue;
        go(engine, slot);
        break;
    }
    return 1;
}

/* A pedal or another controller that moved; at the frame at which it goes down, something happens. [process] */
static void pull(rp_engine *engine, uint32_t which, uint8_t value) {
    uint8_t *down = &engine->slots.down[which], before = *down;
    *down = value >= DOWN;
    if (*down && !before) act(engine, engine->slots.trigger[which].go);
}

/* Is it the note-off of a key that was struck when it was none of the set list's? [process] */
static int ends_note(const rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    return rp_midi_is_note_off(message) &&
           rp_ledger_find(&engine->ledger, in_port, message->byte[0] & 15, message->byte[1]) != RP_NO_NOTE;
}

/* [process] */
static int hear_trigger(rp_engine *engine, uint32_t which, uint8_t in_port, const rp_midi_message *message) {
    const rp_trigger *trigger = &engine->slots.trigger[which];
    int controls = rp_midi_kind(message) == RP_MIDI_CONTROL;
    if (!engine->slots.count && trigger->go != RP_GO_TAP) return 0;
    if (!engine->slots.set[which] || trigger->number != message->byte[1] || !is_on(trigger->channel, message)) return 0;
    if (controls != (trigger->controller != 0) || ends_note(engine, in_port, message)) return 0;
    if (controls) pull(engine, which, message->byte[2]);
    else if (rp_midi_is_note_on(message)) act(engine, trigger->go);
    return 1;
}

int rp_slots_hear(rp_engine *engine, uint8_t in_port, const rp_midi_message *message) {
    uint8_t kind = rp_midi_kind(message);
    int note = rp_midi_is_note_on(message) || rp_midi_is_note_off(message), control = kind == RP_MIDI_CONTROL;
    int taken = 0;
    if (!note && !control && kind != RP_MIDI_PROGRAM) return 0;
    if (!note && engine->slots.count && hear_program(engine, in_port, message)) return 1;
    for (uint32_t i = 0; (note || control) && !taken && i < RP_TRIGGERS_MAX; i++)
        taken = hear_trigger(engine, i, in_port, message);
    return taken;
}
