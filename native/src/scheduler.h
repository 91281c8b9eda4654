/* scheduler.h - what is to happen at a later frame, in order. */
#ifndef RIPIENO_SCHEDULER_H
#define RIPIENO_SCHEDULER_H
#include <stdint.h>

enum { RP_SCHEDULE_MAX = 8192 };
/* Kinds of tasks; what a task's other fields mean is its maker's. */
enum { RP_TASK_NOTE_ON, RP_TASK_NOTE_OFF, RP_TASK_CONTROL, RP_TASK_BAND_ON, RP_TASK_BAND_OFF, RP_TASK_VOICE };

typedef struct {
    uint64_t frame;
    uint32_t order;  /* among those of one frame: as they were added */
    uint32_t serial; /* of the note meant: an id may have been given to another since */
    uint16_t note;
    uint8_t kind;
    uint8_t in_port;
    uint8_t byte[3];
} rp_task;

/* A binary heap. Zeroed is empty. */
typedef struct {
    rp_task task[RP_SCHEDULE_MAX];
    uint32_t count, added;
} rp_scheduler;

int rp_scheduler_add(rp_scheduler *scheduler, rp_task task);     /* 0: full [process] */
const rp_task *rp_scheduler_next(const rp_scheduler *scheduler); /* NULL: nothing is due ever [process] */
rp_task rp_scheduler_take(rp_scheduler *scheduler);              /* the next one; not when empty [process] */
/* Every task of this kind becomes due at `frame` at the latest; their order stays. [process] */
void rp_scheduler_hurry(rp_scheduler *scheduler, uint8_t kind, uint64_t frame);
void rp_scheduler_clear(rp_scheduler *scheduler); /* [process] */
#endif
