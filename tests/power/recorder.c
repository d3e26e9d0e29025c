/* Records what a program asks of its disk, in order, so that a power failure can be played out
 * later at any point: preloaded into the verifier by tests/tests/power.rs.
 *
 * In scope: every open, write, truncation, removal, renaming and sync of files below one folder,
 * and every HTTP answer at the moment it is about to leave. Left to the replayer (tests/src/power.rs):
 * what of it would have survived. Shared memory of SQLite (-shm) is not recorded, since it does not
 * survive anything.
 *
 * One lock is held around each call and its record. So the records stand in the order in which
 * things happened, and a sync covers exactly the writes recorded before it.
 *
 * A record is a head of 32 bytes in the machine's byte order and then `length` bytes:
 *
 *   0 kind 1 · 1 zero 3 · 4 file 4 · 8 offset 8 · 16 length 8 · 24 zero 8
 *
 *   O opened: payload is the path below the folder   W written at offset   T truncated to offset
 *   U removed: payload is the path                   R renamed: payload is "old\nnew"
 *   S file synced   D folder synced   F sync failed by order   A answer: payload is what was sent
 *
 * Settings, by environment:
 *   RECORDER_FOLDER     the folder (absolute)
 *   RECORDER_LOG        where records go; outside the folder
 *   RECORDER_FAIL_FILE  a path below the folder
 *   RECORDER_FAIL_SYNC  the how-manieth sync of that file counted from RECORDER_ARM on fails with EIO,
 *                       without being carried out
 *   RECORDER_ARM        a path: syncs are counted only once a file is there
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
#define FOLDER_ID 1u
#define PATH_BYTES 4096

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *folder;
static size_t folder_length;
static const char *arm;
static const char *fail_name;
static uint32_t fail_file;
static long fail_sync;
static long syncs;
static int log_fd = -1;
static uint32_t next_file = FOLDER_ID + 1;

/* Which recorded file a descriptor stands for; 0 for none. */
static uint32_t file_of[FDS];
/* Files by device and inode, so that two descriptors of one file share its number. */
static struct { dev_t device; ino_t inode; uint32_t file; } known[4096];
static unsigned known_count;

struct head { uint8_t kind, zero[3]; uint32_t file; uint64_t offset, length, zeros; };

static void die(const char *why) {
    /* A recording with a hole proves nothing, so the program ends here. */
    syscall(SYS_write, 2, why, strlen(why));
    syscall(SYS_write, 2, "\n", 1);
    abort();
}

static void start(void) {
    folder = getenv("RECORDER_FOLDER");
    const char *log = getenv("RECORDER_LOG"), *fail = getenv("RECORDER_FAIL_SYNC");
    arm = getenv("RECORDER_ARM");
    fail_name = getenv("RECORDER_FAIL_FILE");
    fail_sync = fail ? atol(fail) : 0;
    if (!folder || !log) return;
    folder_length = strlen(folder);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) die("recorder: the log cannot be opened");
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void put(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        ssize_t done = syscall(SYS_write, log_fd, at, length);
        if (done <= 0) die("recorder: the log cannot be written");
        at += done;
        length -= (size_t)done;
    }
}

static void record(char kind, uint32_t file, uint64_t offset, const void *bytes, size_t length) {
    struct head head = { .kind = (uint8_t)kind, .file = file, .offset = offset, .length = length };
    put(&head, sizeof head);
    put(bytes, length);
}

static void begin(void) {
    pthread_once(&once, start);
    pthread_mutex_lock(&turn);
}

static void end(void) {
    int kept = errno;
    pthread_mutex_unlock(&turn);
    errno = kept;
}

static uint32_t recorded(int fd) {
    return fd >= 0 && fd < FDS ? file_of[fd] : 0;
}

static int ends_with(const char *text, const char *tail) {
    size_t a = strlen(text), b = strlen(tail);
    return a >= b && strcmp(text + a - b, tail) == 0;
}

/* The path below the folder, or null for a file that is not ours. */
static const char *ours(const char *path) {
    if (log_fd < 0 || !path || strncmp(path, folder, folder_length) != 0) return NULL;
    if (path[folder_length] == 0) return "";
    if (path[folder_length] != '/' || ends_with(path, "-shm")) return NULL;
    return path + folder_length + 1;
}

static void opened(int fd, const char *path, int flags) {
    const char *name = ours(path);
    if (fd < 0 || !name) return;
    if (fd >= FDS) die("recorder: too many open files");
    if (*name == 0) {
        file_of[fd] = FOLDER_ID;
        return;
    }
    struct stat stat;
    if (fstat(fd, &stat) != 0) die("recorder: a file cannot be looked at");
    uint32_t file = 0;
    for (unsigned at = 0; at < known_count; at++)
        if (known[at].device == stat.st_dev && known[at].inode == stat.st_ino) file = known[at].file;
    if (!file) {
        if (known_count == sizeof known / sizeof *known) die("recorder: too many files");
        file = next_file++;
        known[known_count].device = stat.st_dev;
        known[known_count].inode = stat.st_ino;
        known[known_count++].file = file;
        record('O', file, (uint64_t)stat.st_size, name, strlen(name));
        if (fail_name && strcmp(name, fail_name) == 0) fail_file = file;
    }
    file_of[fd] = file;
    if (flags & O_TRUNC) record('T', file, 0, "", 0);
}

static int open_with(int at_folder, const char *path, int flags, mode_t mode) {
    begin();
    int fd = (int)syscall(SYS_openat, at_folder, path, flags, mode);
    if (at_folder == AT_FDCWD) opened(fd, path, flags);
    end();
    return fd;
}

#define MODE(flags, last) ({ mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list list; va_start(list, last); \
        mode = (mode_t)va_arg(list, int); va_end(list); } mode; })

int open(const char *path, int flags, ...) {
    return open_with(AT_FDCWD, path, flags, MODE(flags, flags));
}
int open64(const char *path, int flags, ...) {
    return open_with(AT_FDCWD, path, flags | O_LARGEFILE, MODE(flags, flags));
}
int openat(int at, const char *path, int flags, ...) {
    return open_with(at, path, flags, MODE(flags, flags));
}
int openat64(int at, const char *path, int flags, ...) {
    return open_with(at, path, flags | O_LARGEFILE, MODE(flags, flags));
}

int close(int fd) {
    begin();
    if (fd >= 0 && fd < FDS) file_of[fd] = 0;
    int result = (int)syscall(SYS_close, fd);
    end();
    return result;
}

static ssize_t write_at(int fd, const void *bytes, size_t length, off_t offset) {
    begin();
    ssize_t done = syscall(SYS_pwrite64, fd, bytes, length, offset);
    if (done > 0 && recorded(fd)) record('W', recorded(fd), (uint64_t)offset, bytes, (size_t)done);
    end();
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
    return write_at(fd, bytes, length, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    return write_at(fd, bytes, length, offset);
}

static int is_answer(const struct iovec *parts, int count) {
    return log_fd >= 0 && count > 0 && parts[0].iov_len >= 9 && memcmp(parts[0].iov_base, "HTTP/1.1 ", 9) == 0;
}

/* An answer counts from the moment it is handed over, so its record precedes the call. */
static void answered(const struct iovec *parts, int count) {
    size_t length = 0;
    for (int at = 0; at < count; at++) length += parts[at].iov_len;
    struct head head = { .kind = 'A', .length = length };
    put(&head, sizeof head);
    for (int at = 0; at < count; at++) put(parts[at].iov_base, parts[at].iov_len);
}

static void written_here(int fd, const struct iovec *parts, int count, ssize_t done, off_t offset) {
    for (int at = 0; at < count && done > 0; at++) {
        size_t some = parts[at].iov_len < (size_t)done ? parts[at].iov_len : (size_t)done;
        record('W', recorded(fd), (uint64_t)offset, parts[at].iov_base, some);
        offset += (off_t)some;
        done -= (ssize_t)some;
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    begin();
    if (is_answer(parts, count)) answered(parts, count);
    off_t offset = recorded(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = syscall(SYS_writev, fd, parts, count);
    if (recorded(fd)) written_here(fd, parts, count, done, offset);
    end();
    return done;
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    if (recorded(fd)) die("recorder: pwritev is not recorded");
    return REAL(pwritev)(fd, parts, count, offset);
}

ssize_t write(int fd, const void *bytes, size_t length) {
    struct iovec part = { (void *)bytes, length };
    begin();
    if (is_answer(&part, 1)) answered(&part, 1);
    off_t offset = recorded(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
    ssize_t done = syscall(SYS_write, fd, bytes, length);
    if (recorded(fd)) written_here(fd, &part, 1, done, offset);
    end();
    return done;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    struct iovec part = { (void *)bytes, length };
    begin();
    if (is_answer(&part, 1)) answered(&part, 1);
    ssize_t done = syscall(SYS_sendto, fd, bytes, length, flags, NULL, 0);
    end();
    return done;
}

static int truncated(int fd, off_t length) {
    begin();
    int result = (int)syscall(SYS_ftruncate, fd, length);
    if (result == 0 && recorded(fd)) record('T', recorded(fd), (uint64_t)length, "", 0);
    end();
    return result;
}

int ftruncate(int fd, off_t length) { return truncated(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncated(fd, length); }

int fallocate(int fd, int mode, off_t offset, off_t length) {
    if (recorded(fd)) die("recorder: fallocate is not recorded");
    return REAL(fallocate)(fd, mode, offset, length);
}

/* A file is gone: its inode may be given to the next new file, which is another file. */
static void forget(const struct stat *was) {
    for (unsigned at = 0; at < known_count; at++)
        if (known[at].device == was->st_dev && known[at].inode == was->st_ino)
            known[at] = known[--known_count];
}

int unlink(const char *path) {
    begin();
    const char *name = ours(path);
    struct stat was;
    int there = name && stat(path, &was) == 0;
    int result = (int)syscall(SYS_unlink, path);
    if (result == 0 && there) {
        forget(&was);
        record('U', 0, 0, name, strlen(name));
    }
    end();
    return result;
}

int rename(const char *old, const char *new) {
    begin();
    const char *from = ours(old), *to = ours(new);
    struct stat replaced;
    int there = to && stat(new, &replaced) == 0;
    int result = (int)syscall(SYS_rename, old, new);
    if (result == 0 && there) forget(&replaced);
    if (result == 0 && from && to) {
        char both[2 * PATH_BYTES];
        int length = snprintf(both, sizeof both, "%s\n%s", from, to);
        if (length < 0 || length >= (int)sizeof both) die("recorder: a path is too long");
        record('R', 0, 0, both, (size_t)length);
    }
    end();
    return result;
}

static int synced(int fd, long call) {
    begin();
    uint32_t file = recorded(fd);
    if (file > FOLDER_ID && file == fail_file && fail_sync > 0 && (!arm || syscall(SYS_access, arm, F_OK) == 0)
        && ++syncs == fail_sync) {
        record('F', file, 0, "", 0);
        errno = EIO;
        end();
        return -1;
    }
    int result = (int)syscall(call, fd);
    if (result == 0 && file) record(file == FOLDER_ID ? 'D' : 'S', file, 0, "", 0);
    end();
    return result;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }
