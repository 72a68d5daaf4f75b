/* File operations that fail, or end the process, at one of their number.

   Loaded before the C library (LD_PRELOAD). After ff_arm(folder, at, what) every
   operation that changes what is on disk below that folder is counted, from 1 on; from
   number `at` on, or at it, what is asked for happens:

     FULL       from here on there is no room: ENOSPC, and statvfs says so too
     BROKEN     this one operation fails with EIO
     KILLED     SIGKILL, in the middle of what is written
     READ_ONLY  from here on nothing may be changed: EROFS
     COUNTED    nothing; ff_count() tells how many there were

   Pages written through a memory map are no calls and cannot fail here; taking room
   for them can. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum what { COUNTED, FULL, BROKEN, KILLED, READ_ONLY };
enum kind { TAKES_ROOM, TAKES_NONE };

static char folder[PATH_MAX];
static long at;
static enum what what;
static atomic_long count;

void ff_arm(const char *path, long number, int event) {
    count = 0;
    at = number;
    what = event;
    strncpy(folder, path, sizeof folder - 1);
}

long ff_count(void) { return count; }

static int is_below(const char *path) {
    size_t length = strlen(folder);
    return length && !strncmp(path, folder, length) &&
           (path[length] == '/' || path[length] == '\0');
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    return 1;
}

static int is_fd_below(int fd) {
    char path[PATH_MAX];
    int before = errno;
    int found = *folder && path_of(fd, path) && is_below(path);
    errno = before;
    return found;
}

static int is_at_below(int fd, const char *path) {
    char whole[PATH_MAX];
    if (!*folder || !path) return 0;
    if (path[0] == '/') return is_below(path);
    if (fd == AT_FDCWD) {
        if (!getcwd(whole, sizeof whole)) return 0;
    } else if (!path_of(fd, whole)) {
        return 0;
    }
    strncat(whole, "/", sizeof whole - strlen(whole) - 1);
    strncat(whole, path, sizeof whole - strlen(whole) - 1);
    return is_below(whole);
}

/* The error number of an operation below the folder; 0 if it goes on; -1 to be killed. */
static int verdict(enum kind kind) {
    long number = atomic_fetch_add(&count, 1) + 1;
    switch (what) {
    case FULL: return number >= at && kind == TAKES_ROOM ? ENOSPC : 0;
    case BROKEN: return number == at ? EIO : 0;
    case KILLED: return number == at ? -1 : 0;
    case READ_ONLY: return number >= at ? EROFS : 0;
    default: return 0;
    }
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

#define MEET(is_ours, kind, failed)                                                      \
    if (is_ours) {                                                                       \
        int error = verdict(kind);                                                       \
        if (error < 0) end();                                                            \
        if (error) { errno = error; return failed; }                                     \
    }

/* ---- opening ---- */

static int writes(int flags) {
    return (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC));
}

#define OPEN(name, parameters, fd, ...)                                                  \
    int name parameters {                                                                \
        va_list rest;                                                                    \
        va_start(rest, flags);                                                           \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;        \
        va_end(rest);                                                                    \
        MEET(writes(flags) && is_at_below(fd, path),                                     \
             flags & O_CREAT ? TAKES_ROOM : TAKES_NONE, -1)                              \
        return REAL(name)(__VA_ARGS__, mode);                                            \
    }

OPEN(open, (const char *path, int flags, ...), AT_FDCWD, path, flags)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD, path, flags)
OPEN(openat, (int fd, const char *path, int flags, ...), fd, fd, path, flags)
OPEN(openat64, (int fd, const char *path, int flags, ...), fd, fd, path, flags)

#define FOPEN(name)                                                                      \
    FILE *name(const char *path, const char *mode) {                                     \
        MEET(strpbrk(mode, "wa+") && is_at_below(AT_FDCWD, path), TAKES_ROOM, NULL)      \
        return REAL(name)(path, mode);                                                   \
    }
FOPEN(fopen)
FOPEN(fopen64)

/* ---- writing; a kill comes when half of it is written ---- */

#define WRITE(is_ours, failed, half)                                                     \
    if (is_ours) {                                                                       \
        int error = verdict(TAKES_ROOM);                                                 \
        if (error < 0) { (void)!(half); end(); }                                         \
        if (error) { errno = error; return failed; }                                     \
    }

ssize_t write(int fd, const void *data, size_t size) {
    WRITE(is_fd_below(fd), -1, REAL(write)(fd, data, size / 2))
    return REAL(write)(fd, data, size);
}

#define PWRITE(name, offset_t)                                                           \
    ssize_t name(int fd, const void *data, size_t size, offset_t place) {                \
        WRITE(is_fd_below(fd), -1, REAL(name)(fd, data, size / 2, place))                \
        return REAL(name)(fd, data, size, place);                                        \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int number) {
    WRITE(is_fd_below(fd), -1, REAL(writev)(fd, parts, number / 2))
    return REAL(writev)(fd, parts, number);
}

size_t fwrite(const void *data, size_t size, size_t number, FILE *file) {
    WRITE(is_fd_below(fileno(file)), 0,
          REAL(fwrite)(data, size, number / 2, file) + fflush(file))
    return REAL(fwrite)(data, size, number, file);
}

#define TRUNCATE(name, offset_t)                                                         \
    int name(int fd, offset_t size) {                                                    \
        MEET(is_fd_below(fd), TAKES_ROOM, -1)                                            \
        return REAL(name)(fd, size);                                                     \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define ALLOCATE(name, offset_t)                                                         \
    int name(int fd, offset_t start, offset_t size) {                                    \
        if (is_fd_below(fd)) {                                                           \
            int error = verdict(TAKES_ROOM);                                             \
            if (error < 0) end();                                                        \
            if (error) return error;                                                     \
        }                                                                                \
        return REAL(name)(fd, start, size);                                              \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

int fsync(int fd) {
    MEET(is_fd_below(fd), TAKES_ROOM, -1)
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    MEET(is_fd_below(fd), TAKES_ROOM, -1)
    return REAL(fdatasync)(fd);
}

/* ---- names ---- */

int rename(const char *from, const char *to) {
    MEET(is_at_below(AT_FDCWD, to), TAKES_ROOM, -1)
    return REAL(rename)(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
    MEET(is_at_below(to_fd, to), TAKES_ROOM, -1)
    return REAL(renameat)(from_fd, from, to_fd, to);
}

int link(const char *from, const char *to) {
    MEET(is_at_below(AT_FDCWD, to), TAKES_ROOM, -1)
    return REAL(link)(from, to);
}

int mkdir(const char *path, mode_t mode) {
    MEET(is_at_below(AT_FDCWD, path), TAKES_ROOM, -1)
    return REAL(mkdir)(path, mode);
}

int mkdirat(int fd, const char *path, mode_t mode) {
    MEET(is_at_below(fd, path), TAKES_ROOM, -1)
    return REAL(mkdirat)(fd, path, mode);
}

int unlink(const char *path) {
    MEET(is_at_below(AT_FDCWD, path), TAKES_NONE, -1)
    return REAL(unlink)(path);
}

int unlinkat(int fd, const char *path, int flags) {
    MEET(is_at_below(fd, path), TAKES_NONE, -1)
    return REAL(unlinkat)(fd, path, flags);
}

/* ---- how much room there is ---- */

#define ROOM(name, status_t)                                                             \
    int name(const char *path, struct status_t *status) {                                \
        int result = REAL(name)(path, status);                                           \
        if (!result && what == FULL && count >= at && is_at_below(AT_FDCWD, path))       \
            status->f_bfree = status->f_bavail = 0;                                      \
        return result;                                                                   \
    }
ROOM(statvfs, statvfs)
ROOM(statvfs64, statvfs64)

/* ---- what a folder says of its rights, where nothing may be changed ---- */

int access(const char *path, int mode) {
    if (what == READ_ONLY && count >= at - 1 && (mode & W_OK) &&
        is_at_below(AT_FDCWD, path)) {
        errno = EROFS;
        return -1;
    }
    return REAL(access)(path, mode);
}
