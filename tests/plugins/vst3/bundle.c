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
    if (strlen(info.dli_fname) + strlen(name) >= PATH) return false;
    strcpy(path, info.dli_fname);
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (!slash) return false;
        *slash = 0;
    }
    strcat(strcat(path, "/"), name);
    return true;
}

bool bundle_word(const char *name, char word[BUNDLE_WORD], bool take) {
    char path[PATH];
    FILE *file = path_of(name, path) ? fopen(path, "r") : NULL;
    if (!file) return false;
    bool read = fscanf(file, "%31s", word) == 1;
    fclose(file);
    return read && (!take || !unlink(path));
}
