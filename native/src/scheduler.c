/* scheduler.c - see scheduler.h. */
#include "scheduler.h"

#include <stddef.h>

/* [process] */
static int earlier(const rp_task *a, const rp_task *b) {
    if (a->frame != b->frame) return a->frame < b->frame;
    return (int32_t)(a->order - b->order) < 0; /* the counter may wrap */
}

/* [process] */
static void swap(rp_task *a, rp_task *b) {
    rp_task kept = *a;
    *a = *b;
    *b = kept;
}

/* Bring task i up to its place. [process] */
static void rise(rp_task *heap, uint32_t i) {
    for (; i > 0 && earlier(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2) swap(&heap[i], &heap[(i - 1) / 2]);
}

int rp_scheduler_add(rp_scheduler *scheduler, rp_task task) {
    if (scheduler->count == RP_SCHEDULE_MAX) return 0;
    task.order = scheduler->added++;
    scheduler->task[scheduler->count] = task;
    rise(scheduler->task, scheduler->count++);
    return 1;
}

const rp_task *rp_scheduler_next(const rp_scheduler *scheduler) {
    return scheduler->count ? &scheduler->task[0] : NULL;
}

rp_task rp_scheduler_take(rp_scheduler *scheduler) {
    rp_task first = scheduler->task[0], *heap = scheduler->task;
    uint32_t i = 0, n = --scheduler->count;
    heap[0] = heap[n];
    for (uint32_t child = 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && earlier(&heap[child + 1], &heap[child])) child++;
        if (!earlier(&heap[child], &heap[i])) break;
        swap(&heap[child], &heap[i]);
        i = child;
    }
    return first;
}

void rp_scheduler_hurry(rp_scheduler *scheduler, uint8_t kind, uint64_t frame) {
    for (uint32_t i = 0; i < scheduler->count; i++) {
        rp_task *task = &scheduler->task[i];
        if (task->kind == kind && task->frame > frame) task->frame = frame;
        rise(scheduler->task, i); /* what stands before it is a heap already */
    }
}

void rp_scheduler_clear(rp_scheduler *scheduler) { scheduler->count = 0; }
