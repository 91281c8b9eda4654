/* assign.c - see assign.h. */
#include "assign.h"

enum { NONE = -1 };

/* Prices of rows and columns: no cell costs less than the two together, and a given cell costs exactly that. */
typedef struct {
    double row[RP_ASSIGN_ROWS], column[RP_ASSIGN_COLUMNS];
    int owner[RP_ASSIGN_COLUMNS]; /* the row a column is given to, or NONE */
} prices;

/* A search for the shortest path from a new row to a column that nobody owns. */
typedef struct {
    double distance[RP_ASSIGN_COLUMNS];
    int from[RP_ASSIGN_COLUMNS]; /* the column before on the path, NONE: the new row itself */
    uint8_t done[RP_ASSIGN_COLUMNS];
} search;

/* Look from a row whose own distance is `base`, and return the nearest column not yet done. [any] */
static int look(search *s, const prices *p, const float *cost, uint32_t columns, uint32_t row, int via, double base) {
    int nearest = NONE;
    for (uint32_t c = 0; c < columns; c++) {
        if (s->done[c]) continue;
        double distance = base + (double)cost[row * columns + c] - p->row[row] - p->column[c];
        if (distance < s->distance[c]) {
            s->distance[c] = distance;
            s->from[c] = via;
        }
        if (nearest == NONE || s->distance[c] < s->distance[nearest]) nearest = (int)c;
    }
    return nearest;
}

/* Give a new row a column; the rows on the way to it move on by one. [any] */
static void add_row(prices *p, const float *cost, uint32_t columns, uint32_t row) {
    search s = {{0}, {0}, {0}};
    for (uint32_t c = 0; c < columns; c++) {
        s.distance[c] = 1e300;
        s.from[c] = NONE;
        s.done[c] = 0;
    }
    int column = look(&s, p, cost, columns, row, NONE, 0.0);
    while (p->owner[column] != NONE) {
        s.done[column] = 1;
        column = look(&s, p, cost, columns, (uint32_t)p->owner[column], column, s.distance[column]);
    }
    double length = s.distance[column];
    p->row[row] += length;
    for (uint32_t c = 0; c < columns; c++) {
        if (!s.done[c]) continue;
        p->column[c] += s.distance[c] - length;
        p->row[p->owner[c]] += length - s.distance[c];
    }
    for (; s.from[column] != NONE; column = s.from[column]) p->owner[column] = p->owner[s.from[column]];
    p->owner[column] = (int)row;
}

void rp_assign(uint32_t rows, uint32_t columns, const float *cost, uint16_t *column_of) {
    prices p = {{0}, {0}, {0}};
    for (uint32_t c = 0; c < columns; c++) p.owner[c] = NONE;
    for (uint32_t row = 0; row < rows; row++) add_row(&p, cost, columns, row);
    for (uint32_t c = 0; c < columns; c++)
        if (p.owner[c] != NONE) column_of[p.owner[c]] = (uint16_t)c;
}
