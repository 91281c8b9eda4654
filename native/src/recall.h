/* recall.h - what the layer that chooses a field is told beside the stream: what an instrument played last, and how the
 * band stands (models/continuation/representation.py: recall, outlook). Each is a row of a table. */
#ifndef RIPIENO_RECALL_H
#define RIPIENO_RECALL_H
#include "transformer.h"

enum { RP_CODES_KNOWN = 66, RP_HINT_TABLES = 8, RP_HINTS_MAX = 132 };

/* The tables: which field hears each, and its rows. */
typedef struct {
    const char *name; /* of the network's array, and which of them */
    uint16_t index, field, rows;
} rp_hint_table;
extern const rp_hint_table rp_hint_tables[RP_HINT_TABLES];

typedef struct {
    uint16_t table, row;
} rp_hint;

/* The events heard, and for each the note of its instrument before it. Arrays are the decoder's. */
typedef struct {
    uint32_t length;
    rp_event *event;              /* [context] */
    int64_t *end;                 /* [context] tick at which a note ends; no note: the smallest there is */
    int32_t *before;              /* [context] index of its instrument's note before; -1: none, or no note */
    int32_t last[RP_CODES_KNOWN]; /* index of each instrument's last note; -1: none */
} rp_recall;

void rp_recall_clear(rp_recall *recall);                      /* [worker] */
void rp_recall_add(rp_recall *recall, const rp_event *event); /* the caller knows that there is room [worker] */
void rp_recall_rewind(rp_recall *recall, uint32_t length);    /* [worker] */
/* The hints for a field of the event that is being chosen: its columns before that field count, and its tick (for the
 * position only the tick's beat). Returns how many; out [RP_HINTS_MAX]. [worker] */
uint32_t rp_recall_hints(const rp_recall *recall, uint32_t field, const rp_event *next, rp_hint *out);
/* How much of each pitch class was heard, without drums: the last note counts 1, those before less. [worker] */
void rp_recall_classes(const rp_recall *recall, double weight[12]);
#endif
