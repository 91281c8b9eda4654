/* Control on one thread, the process function on another: they meet in rings alone (TSan judges). */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "rigs.h"

enum { LOADS = 300 };

static stage at;
static atomic_int done;

static void *play(void *argument) {
    for (uint32_t n = 0; !atomic_load(&done); n++) {
        stage_send(&at, n % BLOCK, n & 1 ? 0x80 : 0x90, (uint8_t)(40 + n / 2 % 40), 90);
        stage_cycle(&at);
    }
    return argument;
}

/* Keep reading until a report of this kind comes. */
static void wait_for(uint8_t kind) {
    while (!stage_poll(&at, kind)) sched_yield();
}

int main(void) {
    pthread_t thread;
    rp_stats before, after;
    rp_voice off = {.lowest = 0, .highest = 127, .polyphony = 1};
    stage_open(&at, 1, thru_rig(), NULL);
    CHECK(pthread_create(&thread, NULL, play, NULL) == 0);
    rp_engine_get_stats(at.engine, &before);
    for (uint32_t i = 0; i < LOADS; i++) {
        CHECK(rp_engine_load(at.engine, i & 1 ? thru_rig() : quartet_rig(i / 2 % 3, RP_PEDAL_PASS)));
        wait_for(RP_REPORT_RIG);
        off.enabled = i % 3 > 0;
        if (!(i & 1)) CHECK(rp_engine_set_voice(at.engine, i % 4, &off));
        if (i % 7 == 0) CHECK(rp_engine_panic(at.engine));
        rp_engine_get_stats(at.engine, &after);
    }
    CHECK(rp_engine_stop(at.engine));
    wait_for(RP_REPORT_STOPPED);
    atomic_store(&done, 1);
    pthread_join(thread, NULL);
    CHECK(after.notes_in > before.notes_in && stage_sounding(&at) == 0);
    stage_close(&at);
    return 0;
}
