/* ledger.c - see ledger.h. */
#include "ledger.h"

#include <string.h>

void rp_ledger_reset(rp_ledger *ledger) {
    memset(ledger->key, 0xFF, sizeof ledger->key); /* RP_NO_NOTE everywhere */
    for (uint16_t i = 0; i < RP_NOTES_MAX; i++)
        ledger->note[i] = (rp_note){.after = i + 1 < RP_NOTES_MAX ? (uint16_t)(i + 1) : RP_NO_NOTE};
    ledger->free = 0;
    ledger->oldest = ledger->newest = RP_NO_NOTE;
    ledger->live = ledger->expressive = 0;
}

/* The link that points at the first note of a key. [process] */
static uint16_t *key_of(rp_ledger *ledger, const rp_note *note) {
    return &ledger->key[note->in_port][note->in_channel][note->in_pitch];
}

uint16_t rp_ledger_add(rp_ledger *ledger, uint8_t in_port, uint8_t in_channel, uint8_t in_pitch) {
    uint16_t id = ledger->free;
    if (id == RP_NO_NOTE) return id;
    rp_note *note = &ledger->note[id];
    ledger->free = note->after;
    *note = (rp_note){.in_port = in_port, .in_channel = in_channel, .in_pitch = in_pitch, .state = RP_NOTE_PENDING};
    note->in_manager = in_channel;
    note->own = RP_NEUTRAL;
    note->instrument = RP_NO_INSTRUMENT;
    note->serial = ++ledger->serial;
    note->expires = UINT64_MAX;
    note->newer = note->after = RP_NO_NOTE;
    note->before = ledger->newest;
    if (ledger->newest != RP_NO_NOTE) ledger->note[ledger->newest].after = id;
    else ledger->oldest = id;
    ledger->newest = id;
    uint16_t *link = key_of(ledger, note);
    while (*link != RP_NO_NOTE) link = &ledger->note[*link].newer;
    *link = id;
    ledger->live++;
    return id;
}

void rp_ledger_remove(rp_ledger *ledger, uint16_t id) {
    rp_note *note = &ledger->note[id];
    uint16_t *link = key_of(ledger, note);
    while (*link != id) link = &ledger->note[*link].newer;
    *link = note->newer;
    if (note->before != RP_NO_NOTE) ledger->note[note->before].after = note->after;
    else ledger->oldest = note->after;
    if (note->after != RP_NO_NOTE) ledger->note[note->after].before = note->before;
    else ledger->newest = note->before;
    ledger->expressive = (uint16_t)(ledger->expressive - note->expressive);
    *note = (rp_note){.after = ledger->free};
    ledger->free = id;
    ledger->live--;
}

void rp_ledger_route(rp_note *note, uint8_t instrument, const rp_instrument *to) {
    note->instrument = instrument;
    note->port = to->port;
    note->channel = note->manager = to->channel;
    note->pedal = to->pedal;
    note->mpe = to->mpe;
    note->bend = to->bend;
}

uint16_t rp_ledger_find(const rp_ledger *ledger, uint8_t in_port, uint8_t in_channel, uint8_t in_pitch) {
    uint16_t id = ledger->key[in_port][in_channel][in_pitch];
    while (id != RP_NO_NOTE && (ledger->note[id].state == RP_NOTE_SUSTAINED || ledger->note[id].released))
        id = ledger->note[id].newer;
    return id;
}
