/* bundle.c - what the test plugin's bundle tells it, in files of its folder `Contents`. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plugin.h"

enum { PATH = 4096 };

/* That folder stands two above this library; false where it does not. */
static bool path_of(const char *name, char path[PATH]) {
    Dl_info info;
    if (!dladdr((void *)&bundle_word, &info) || !info.dli_fname) return false;
    size_t length = strlen(info.dli_fname);
    for (int up = 0; up < 2; up++) {
        for (length -= length > 0; length && info.dli_fname[length] != '/'; length--) {}
        if (!length) return false;
    }
    return snprintf(path, PATH, "%.*s/%s", (int)length, info.dli_fname, name) < PATH;
}

bool bundle_word(const char *name, char word[BUNDLE_WORD], bool take) {
    char path[PATH];
    FILE *file = path_of(name, path) ? fopen(path, "r") : NULL;
    if (!file) return false;
    bool read = fscanf(file, "%31s", word) == 1;
    fclose(file);
    return read && (!take || !unlink(path));
}
