/* The piano's row: what sounds, what was struck, and what the pedal holds, whatever is played. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "piano.h"

enum { RATE = 48000, BLOCK = 768, C4 = 60 };
static float row[RP_PIANO_ROW];

static int near(float value, double expected) { return fabs((double)value - expected) < 1e-6; }

static float sounding(int key) { return row[key - RP_PIANO_LOW]; }

static void test_nothing_has_been_played(void) {
    rp_piano piano;
    rp_piano_clear(&piano, RATE);
    rp_piano_row(&piano, 0, row);
    for (int i = 0; i < RP_PIANO_ROW; i++)
        CHECK(row[i] == (i == RP_PIANO_SILENCE || i == RP_PIANO_SINCE ? 1.0F : 0.0F));
}

static void test_a_key_sounds_while_it_is_down(void) {
    rp_piano piano;
    rp_piano_clear(&piano, RATE);
    rp_piano_on(&piano, 100, C4, 127);
    rp_piano_row(&piano, BLOCK, row);
    const double age = (double)(BLOCK - 100) / RATE;
    CHECK(near(sounding(C4), 1.0) && near(row[RP_PIANO_ONSET], 1.0) && near(row[RP_PIANO_TOP], 0.0));
    CHECK(near(row[RP_PIANO_KEYS + C4 - RP_PIANO_LOW], exp(-age / 0.25)));
    CHECK(near(row[2 * RP_PIANO_KEYS + C4 - RP_PIANO_LOW], exp(-age)));
    CHECK(near(row[RP_PIANO_CHROMA], 1.0) && near(row[RP_PIANO_BASS], 1.0) && near(row[RP_PIANO_COUNT], 0.1));
    CHECK(near(row[RP_PIANO_SILENCE], 0.0) && near(row[RP_PIANO_SINCE], age / 2));
    rp_piano_off(&piano, BLOCK + 1, C4);
    rp_piano_row(&piano, 3 * BLOCK, row);
    CHECK(near(sounding(C4), 0.0) && near(row[RP_PIANO_ONSET], 0.0) && near(row[RP_PIANO_COUNT], 0.0));
    CHECK(row[RP_PIANO_KEYS + C4 - RP_PIANO_LOW] > 0.0F && near(row[RP_PIANO_SILENCE], (2.0 * BLOCK - 1) / RATE / 4));
    rp_piano_row(&piano, 100 + 2 * RATE, row);
    CHECK(near(row[2 * RP_PIANO_KEYS + C4 - RP_PIANO_LOW], 0.0) && near(row[RP_PIANO_SINCE], 1.0));
}

static void test_the_pedal_holds(void) {
    rp_piano piano;
    rp_piano_clear(&piano, RATE);
    rp_piano_on(&piano, 0, C4, 64);
    rp_piano_pedal(&piano, 10, 1);
    rp_piano_off(&piano, 20, C4);
    rp_piano_on(&piano, 30, C4 + 4, 64);
    rp_piano_row(&piano, BLOCK, row);
    CHECK(sounding(C4) > 0.0F && sounding(C4 + 4) > 0.0F);
    rp_piano_pedal(&piano, BLOCK + 1, 0);
    rp_piano_row(&piano, 2 * BLOCK, row);
    CHECK(near(sounding(C4), 0.0) && sounding(C4 + 4) > 0.0F); /* its key is still down */
    CHECK(near(row[RP_PIANO_BASS + 4], 1.0) && near(row[RP_PIANO_BASS], 0.0));
}

static void test_means_forget(void) {
    rp_piano piano;
    rp_piano_clear(&piano, RATE);
    rp_piano_on(&piano, 0, C4 + 12, 127);
    for (uint64_t block = 0; block <= 4 * RATE / BLOCK; block++) rp_piano_row(&piano, block * BLOCK, row);
    CHECK(fabs((double)row[RP_PIANO_SLOW] - (1.0 - exp(-1.0))) < 1e-4);
    CHECK(fabs((double)row[RP_PIANO_SLOW + 12] - (1.0 - exp(-0.25))) < 1e-4);
}

static void test_keys_that_no_piano_has(void) {
    rp_piano piano;
    rp_piano_clear(&piano, RATE);
    for (uint32_t key = 0; key < 128; key += 109) rp_piano_on(&piano, 0, key, 100), rp_piano_off(&piano, 1, key);
    rp_piano_on(&piano, 2, 20, 100);
    rp_piano_on(&piano, 2, UINT32_MAX, 100);
    rp_piano_row(&piano, BLOCK, row);
    CHECK(near(row[RP_PIANO_COUNT], 0.0) && near(row[RP_PIANO_ONSET], 0.0));
}

/* Whatever is played, a row is of numbers from 0 to 1 (the top may be lower), and the same with all at once. */
static void test_anything_may_be_played(void) {
    enum { EVENTS = 2000, ROWS = 400 };
    static rp_piano_event events[EVENTS];
    static float rows[ROWS][RP_PIANO_ROW];
    rp_piano piano;
    uint32_t next = 0;
    srand(7);
    for (int i = 0; i < EVENTS; i++)
        events[i] = (rp_piano_event){.frame = (uint64_t)i * BLOCK * ROWS / EVENTS,
                                     .kind = (uint8_t)(rand() % 4),
                                     .key = (uint8_t)(rand() % 128),
                                     .value = (uint8_t)(rand() % 128)};
    rp_piano_rows(RATE, events, EVENTS, 0, BLOCK, ROWS, rows[0]);
    rp_piano_clear(&piano, RATE);
    for (uint64_t block = 0; block < ROWS; block++) {
        while (next < EVENTS && events[next].frame < block * BLOCK) rp_piano_hear(&piano, &events[next++]);
        rp_piano_row(&piano, block * BLOCK, row);
        CHECK(memcmp(row, rows[block], sizeof row) == 0);
        for (int i = 0; i < RP_PIANO_ROW; i++)
            CHECK(row[i] <= (i == RP_PIANO_TOP ? 2.0F : 1.0F) && row[i] >= (i == RP_PIANO_TOP ? -39.0F / 24.0F : 0.0F));
    }
}

int main(void) {
    test_nothing_has_been_played();
    test_a_key_sounds_while_it_is_down();
    test_the_pedal_holds();
    test_means_forget();
    test_keys_that_no_piano_has();
    test_anything_may_be_played();
    return 0;
}
