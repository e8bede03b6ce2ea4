#include "tools/helctic/paths.h"

#include "tools/helctic/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void paths_find(struct paths *paths) {
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash) *slash = '\0';
    // BUILD/host/helctic beside BUILD/x86_64, or PREFIX/bin/helctic beside PREFIX/lib/helctic.
    char *makefile = text_format("%s/../../Makefile", self);
    bool in_build =
        slash && strcmp(strrchr(self, '/') ? strrchr(self, '/') : "", "/host") == 0 && access(makefile, R_OK) == 0;
    free(makefile);
    const char *folder = in_build ? "../x86_64" : "../lib/helctic";
    paths->kernel = text_format("%s/%s/helctic.elf", self, folder);
    paths->init = text_format("%s/%s/init", self, folder);
    paths->source_top = in_build ? text_format("%s/../..", self) : nullptr;
}

void paths_free(struct paths *paths) {
    free(paths->kernel);
    free(paths->init);
    free(paths->source_top);
}
