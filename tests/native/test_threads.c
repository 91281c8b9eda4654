/* Control on one thread, the process function on another: they meet in rings alone (TSan judges). */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "racks.h"

enum { LOADS = 300 };

static stage at;
static atomic_int done;
static rp_rack *rack[2];
static test_unit *unit[2];

static void *play(void *argument) {
    for (uint32_t n = 0; !atomic_load(&done); n++) {
        stage_send(&at, n % BLOCK, n & 1 ? 0x80 : 0x90, (uint8_t)(40 + n / 2 % 40), 90);
        stage_cycle(&at);
    }
    return argument;
}

static void make_racks(void) {
    rp_rack_config config = {.sample_rate = RATE, .strips = 1, .output = {0, 1}, .delay_midi = 1};
    for (uint32_t i = 0; i < 2; i++) {
        unit[i] = make_unit(RP_UNIT_EFFECT, 50 * i);
        rack[i] = rp_rack_new(&config);
        CHECK(rack[i] && rp_rack_add(rack[i], 0, &unit[i]->unit));
        CHECK(rp_rack_automate(rack[i], &unit[i]->unit, 0, RP_ANY_CHANNEL, 1, 0, 1));
    }
}

/* What control does to a rack that plays. */
static void turn_knobs(uint32_t i) {
    rp_rack_state how;
    rp_unit_state state;
    rp_unit_set(&unit[i & 1]->unit, 0, i / 400.0);
    rp_unit_set_bypass(&unit[i & 1]->unit, i >> 1 & 1);
    rp_unit_set_gain(&unit[i & 1]->unit, i / 300.0);
    rp_unit_get_state(&unit[i & 1]->unit, &state);
    rp_rack_get_state(rack[i & 1], &how);
    CHECK(how.latency <= 50 && state.latency == 50 * (i & 1));
}

/* Keep reading until a report of this kind comes. */
static void wait_for(uint8_t kind) {
    while (!stage_poll(&at, kind)) sched_yield();
}

int main(void) {
    pthread_t thread;
    rp_stats before, after;
    rp_voice off = {.lowest = 0, .highest = 127, .polyphony = 1};
    make_racks();
    stage_open(&at, 1, thru_rig(), NULL);
    CHECK(pthread_create(&thread, NULL, play, NULL) == 0);
    rp_engine_get_stats(at.engine, &before);
    for (uint32_t i = 0; i < LOADS; i++) {
        rp_rig *rig = i & 1 ? thru_rig() : quartet_rig(i / 2 % 3, RP_PEDAL_PASS);
        if (i % 3) rp_rig_set_rack(rig, rack[i & 1]);
        CHECK(rp_engine_load(at.engine, rig));
        turn_knobs(i);
        wait_for(RP_REPORT_RIG);
        off.enabled = i % 3 > 0;
        if (!(i & 1)) CHECK(rp_engine_set_voice(at.engine, i % 4, &off));
        if (i % 7 == 0) CHECK(rp_engine_panic(at.engine));
        CHECK(rp_engine_hear_controls(at.engine, i & 127, 0) && rp_engine_set_level(at.engine, RP_NO_SLOT, 0, i & 127));
        rp_engine_get_stats(at.engine, &after);
    }
    CHECK(rp_engine_stop(at.engine));
    wait_for(RP_REPORT_STOPPED);
    atomic_store(&done, 1);
    pthread_join(thread, NULL);
    CHECK(after.notes_in > before.notes_in && stage_sounding(&at) == 0);
    stage_close(&at);
    for (uint32_t i = 0; i < 2; i++) {
        rp_rack_free(rack[i]);
        rp_unit_free(&unit[i]->unit);
    }
    return 0;
}
