/* assign.h - the cheapest way to give each of a few notes its own place. */
#ifndef RIPIENO_ASSIGN_H
#define RIPIENO_ASSIGN_H
#include <stdint.h>

enum { RP_ASSIGN_ROWS = 16, RP_ASSIGN_COLUMNS = 272 };

/* Each row gets a column of its own so that the summed cost is least: column_of [rows]. cost [rows][columns], finite;
 * rows <= columns, both within the limits above. Shortest augmenting paths (Jonker and Volgenant 1987), O(rows^2
 * columns). Allocates nothing. [any] */
void rp_assign(uint32_t rows, uint32_t columns, const float *cost, uint16_t *column_of);
#endif
