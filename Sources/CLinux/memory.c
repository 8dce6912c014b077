// What of a program lies in memory.
#include "CLinux.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

void cl_populate_text(void) {
    extern const char __executable_start, etext;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)&__executable_start & ~(page - 1);
    // An older kernel refuses: the pages then come one by one.
    madvise((void *)begin, (uintptr_t)&etext - begin, 22 /* MADV_POPULATE_READ */);
}

void cl_trim_clean(uintptr_t begin, uintptr_t length) {
    // Nothing here writes anything but the stack: a page that is changed after it was looked at would lose the change.
    uint64_t entries[256];
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), count = length / page;
    int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (map < 0) return;
    for (uintptr_t done = 0, got; done < count; done += got) {
        uintptr_t wanted = count - done < 256 ? count - done : 256;
        ssize_t bytes = pread(map, entries, wanted * 8, (off_t)((begin / page + done) * 8));
        if (bytes < 8) break;
        got = (uintptr_t)bytes / 8;
        for (uintptr_t i = 0; i < got; i++) {
            uintptr_t first = i;
            // In memory, and a page of the file (61): what was written to is a copy.
            while (i < got && entries[i] >> 63 && entries[i] >> 61 & 1) i++;
            if (i > first) madvise((void *)(begin + (done + first) * page), (i - first) * page, MADV_DONTNEED);
        }
    }
    close(map);
}

void cl_divide_mapping(uintptr_t begin, uintptr_t length, uintptr_t part) {
    for (uintptr_t at = part; at < length; at += 2 * part)
        if (madvise((void *)(begin + at), length - at < part ? length - at : part, MADV_RANDOM) < 0) return;
}
