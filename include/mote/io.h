/* SPDX-License-Identifier: MIT */
/* mote/io.h - reading, writing, waiting: files, pipes, sockets.
 *
 * Descriptors are ordinary numbers. A call of these first makes the system call of its name; where that would block, the task parks
 * and other tasks run until the system says that there is something, and then tries again. So the code of a task is straight, and
 * nobody else ever touches its buffers: these may lie on its stack.
 *
 *     int listener = mote_listen("tcp", "127.0.0.1:8080");
 *     for (int fd; (fd = mote_accept(listener)) >= 0;)
 *         mote_go(serve, fd);
 *
 * Whose descriptor it is: those that mote makes (mote_listen, mote_accept, mote_dial, mote_socket, mote_pipe, mote_open), and those given to
 * it by mote_adopt_fd, don't block, and are closed by mote_close alone. All others work as well, whether they block or not; but
 * each wait for one of them costs a system call more, and when two at once use one that blocks, a call may block its thread
 * instead. Don't give such a descriptor a deadline and then close it by close(2): its number, when it comes again, would still have
 * the deadline.
 *
 * Several may use one descriptor at once. Those that wait to read, or to accept, come in the order of their calls, and so do those
 * that wait to write. mote_close wakes them all with -ECANCELED. A call that has not begun to wait when another one closes the
 * descriptor may find -EBADF, or, as with read(2), somebody else's file that has got the number meanwhile.
 *
 * Errors are negative errnos. Calls that wait return besides those of the system call: -ECANCELED, when mote_close has closed the
 * descriptor meanwhile; -ETIMEDOUT, when a deadline has passed (mote_set_deadline); -ENOMEM. The calls that end in _ctx: the
 * context's error, at once when it is cancelled already (mote/context.h). A signal never ends a call (no -EINTR), and writing to a
 * pipe or socket that nobody reads gives -EPIPE and no SIGPIPE. All of them may be called by tasks and plain threads; a task may
 * switch, a thread blocks. Numbers from 4194304 on are refused: -EMFILE. What waits when the runtime stops is discarded like any
 * other task, and its descriptors stay open.
 */
#ifndef MOTE_IO_H
#define MOTE_IO_H

#include <stddef.h>
#include <stdint.h>

#include <mote/chan.h>
#include <mote/context.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;
struct msghdr;
struct sockaddr;

/* What to wait for. */
#define MOTE_READ 1u
#define MOTE_WRITE 2u

/* Waits until fd can be read from (or accepted from, or has come to its end, or has an error), or written to, or either, as events
 * says: MOTE_READ, MOTE_WRITE or both; until a deadline on mote_now's clock, MOTE_FOREVER: none. For any descriptor of anybody's
 * that poll(2) takes: pipes, eventfds, inotify, sockets of other libraries. What a file has is always ready. Those of events that
 * are ready, or were a moment ago, 1 to 3; -ETIMEDOUT; -EINVAL: other events; -EBADF: it isn't open; errors as above. Somebody else
 * may be quicker to read what there is. */
int mote_wait_fd(int fd, unsigned events, int64_t deadline);

/* The same with a context. */
int mote_wait_fd_ctx(mote_ctx *ctx, int fd, unsigned events);

/* From `when` on, on mote_now's clock, reads (MOTE_READ), writes (MOTE_WRITE) or both return -ETIMEDOUT at once, those that wait
 * already as well as later ones, until another deadline is set; MOTE_FOREVER: none, as in the beginning. Connecting counts as
 * writing, accepting as reading. Cheap: set it before every request. 0; -EINVAL: other events; -EBADF; -ENOMEM, also for those that
 * wait with a deadline. Never switches. */
int mote_set_deadline(int fd, unsigned events, int64_t when);

/* Gives fd, which somebody else has opened, to mote: it doesn't block any more (O_NONBLOCK), and waits for it take no extra system
 * call. From now on only mote_close may close it. 0; -EBADF, -ENOMEM. Never switches. */
int mote_adopt_fd(int fd);

/* Closes fd, and wakes those who wait for it. 0, or close(2)'s error; it is closed all the same, unless that is -EBADF. */
int mote_close(int fd);

/* read(2): waits until there is something. The number of bytes, 0 at the end. On a TCP connection of mote's, fewer than asked for mean
 * that no more are there for now, and the next call counts on it: where the kernel cuts reads at the borders of records (kTLS) use
 * mote_recvmsg, which also tells of their types. */
intptr_t mote_read(int fd, void *buffer, size_t size);
intptr_t mote_read_ctx(mote_ctx *ctx, int fd, void *buffer, size_t size);
intptr_t mote_readv(int fd, const struct iovec *parts, int count);

/* write(2): waits until it can write something, which may be less than all. The number of bytes. */
intptr_t mote_write(int fd, const void *buffer, size_t size);
intptr_t mote_write_ctx(mote_ctx *ctx, int fd, const void *buffer, size_t size);
intptr_t mote_writev(int fd, const struct iovec *parts, int count);

/* Writes all of it: size, or an error, with a part written perhaps. When several write, their parts may come between. */
intptr_t mote_write_all(int fd, const void *buffer, size_t size);

/* sendfile(2): at most `size` bytes of the file `from`, beginning at *offset, which is moved on, or, when offset is NULL, at its
 * own position, to the socket or pipe `to`. Waits until it can write something. The number of bytes, 0 at the end of the file. */
intptr_t mote_sendfile(int to, int from, int64_t *offset, size_t size);

/* Files: what has no end to wait for takes as long as a disk does. Each of these calls, and reading, writing and closing a regular
 * file, block device or directory, runs in place, on the caller's thread, as in mote_blocking: meanwhile another thread runs tasks
 * in the place of this one. Reads look first whether the system has what is wanted in memory, and then just take it. No deadline or
 * context ends them once they have begun. From a plain thread they are just the calls. What isn't here: mote_blocking(fn, ...). */

struct stat;
struct dirent;

/* open(2), with a mode if flags have O_CREAT or O_TMPFILE; closed on exec. A FIFO waits for its other end, and afterwards never
 * blocks, like a device. A descriptor. */
int mote_open(const char *path, int flags, ...);

/* pread(2) and pwrite(2). A read of a regular file that is cut short has come to its end. */
intptr_t mote_pread(int fd, void *buffer, size_t size, int64_t offset);
intptr_t mote_pwrite(int fd, const void *buffer, size_t size, int64_t offset);

/* The system calls of their names: 0. */
int mote_stat(const char *path, struct stat *status);
int mote_lstat(const char *path, struct stat *status);
int mote_fstat(int fd, struct stat *status);
int mote_fsync(int fd);
int mote_fdatasync(int fd);
int mote_ftruncate(int fd, int64_t size);
int mote_rename(const char *from, const char *to);
int mote_link(const char *from, const char *to);
int mote_symlink(const char *target, const char *path);
int mote_unlink(const char *path);
int mote_mkdir(const char *path, unsigned mode);
int mote_rmdir(const char *path);

/* readlink(2): the number of bytes, which have no 0 behind them. */
intptr_t mote_readlink(const char *path, char *target, size_t size);

/* A directory that is being read, by one at a time. */
typedef struct mote_dir mote_dir;

/* opendir(3): 0, and *dir is to be given to mote_closedir, or it is NULL. */
int mote_opendir(const char *path, mote_dir **dir);

/* readdir(3): 1: *entry is the next one, good until the next call; 0: there are no more, and it is NULL. */
int mote_readdir(mote_dir *dir, struct dirent **entry);

/* 0. NULL is ignored. */
int mote_closedir(mote_dir *dir);

/* recvfrom(2), sendto(2), recvmsg(2), sendmsg(2), with their flags. MSG_DONTWAIT: -EAGAIN instead of waiting. */
intptr_t mote_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, unsigned *from_size);
intptr_t mote_sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to, unsigned to_size);
intptr_t mote_recvmsg(int fd, struct msghdr *message, int flags);
intptr_t mote_sendmsg(int fd, const struct msghdr *message, int flags);

/* Sockets. They, and those accepted, don't block and are closed on exec. */

/* socket(2): a descriptor. Never switches. */
int mote_socket(int domain, int type, int protocol);

/* pipe(2): ends[0] to read from, ends[1] to write to. 0. Never switches. */
int mote_pipe(int ends[2]);

/* Options of mote_listen; all zero: none. */
typedef struct mote_listen_options {
    int backlog;    /* connections that wait to be accepted; 0: as many as the system allows */
    int reuse_port; /* 1: several sockets may listen at the address, in several processes too (SO_REUSEPORT) */
    int delay;      /* 1: small writes wait for each other: TCP_NODELAY isn't set */
} mote_listen_options;

/* Listens: network is "tcp", "tcp4" or "tcp6" with an address "host:port", or "unix" with a path; "udp", "udp4", "udp6" and
 * "unixgram" give a bound socket to receive from. host is an IPv4 address, an IPv6 address in brackets, "localhost", or nothing,
 * for every address of this machine; with port 0 the system chooses one (mote_local_address). A unix path that begins with @ is a
 * name in the abstract namespace; others stay in the file system after mote_close. SO_REUSEADDR is set. A descriptor; -EINVAL: no
 * such network, or not an address of its; -ENOENT: no such host; -EADDRINUSE and other errors. Never
 * switches. */
int mote_listen(const char *network, const char *address);
int mote_listen_with(const char *network, const char *address, const mote_listen_options *options);

/* Connects: networks and addresses as above; no host means this one. TCP_NODELAY is set. A descriptor; -ECONNREFUSED, -ENETUNREACH
 * and other errors. A NULL context is the background one. */
int mote_dial(mote_ctx *ctx, const char *network, const char *address);

/* connect(2), until it is decided: 0 or the error. */
int mote_connect(int fd, const struct sockaddr *to, unsigned to_size);
int mote_connect_ctx(mote_ctx *ctx, int fd, const struct sockaddr *to, unsigned to_size);

/* The next connection: a descriptor. TCP connections have TCP_NODELAY as their listener has: set, by mote_listen. When the process
 * or the system is out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM) it waits, 5 ms at first, then longer, a second at
 * most, and tries again: so a server goes on as soon as some are closed. Connections that were broken off meanwhile are skipped. */
int mote_accept(int fd);
int mote_accept_ctx(mote_ctx *ctx, int fd);

/* shutdown(2). Never switches. */
int mote_shutdown(int fd, int how);

/* The address at this end or the other one as text, as mote_dial takes it; "" for a unix socket without one. Its length, which may
 * be more than fits: what is in `text` is always ended by 0 if size isn't 0. Or an error. Never switches. */
int mote_local_address(int fd, char *text, size_t size);
int mote_peer_address(int fd, char *text, size_t size);

/* Names */

struct addrinfo;

/* getaddrinfo(3), in one of libuv's threads: *list is to be freed by freeaddrinfo(3), and NULL after an error. 0; -ENOENT: no such
 * name; -EAGAIN: perhaps later; -EIO: the name server fails; -EINVAL: a family, service or flag that it doesn't know; -ENOMEM; and
 * the context's error, after which the looking-up ends by itself. Without libuv, and on a plain thread, the thread is blocked. May
 * switch. */
int mote_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **list);
int mote_getaddrinfo_ctx(mote_ctx *ctx, const char *node, const char *service, const struct addrinfo *hints,
                         struct addrinfo **list);

/* Signals */

/* mote_signal_notify(c, SIGINT, ...): from now on, each time one of these signals comes to the process its number is sent to c, a
 * mote_chan(int), and it has no other effect. A channel that is full misses it: make one with room. Several channels may be told of
 * one signal. c is referred to until mote_signal_stop or the end of the runtime, when the signals have their default effect again.
 * 0; -EINVAL: no such signal, SIGKILL or SIGSTOP; -ENOMEM; -ESHUTDOWN when no runtime runs; -ENOSYS: the program is linked without
 * libuv. Anyone may call it, in a process that has one runtime only. Never switches. */
#define mote_signal_notify(c, ...) MOTE__SIGNAL_NOTIFY(MOTE__OF_INT(c), __VA_ARGS__)

/* c is told of no signal any more. The same errors. */
#define mote_signal_stop(c) mote__signal_stop(MOTE__OF_INT(c))

int mote__signal_notify(struct mote__chan *to, const int *signals, int n);
int mote__signal_stop(struct mote__chan *to);
#define MOTE__OF_INT(c)                                                                                                \
    __extension__({                                                                                                    \
        mote_chan(int) mote__chan_of_int = (c);                                                                        \
        MOTE__CHAN(mote__chan_of_int);                                                                                 \
    })
#define MOTE__SIGNAL_NOTIFY(c, ...)                                                                                    \
    __extension__({                                                                                                    \
        const int mote__signals[] = {__VA_ARGS__};                                                                     \
        mote__signal_notify((c), mote__signals, (int)(sizeof mote__signals / sizeof mote__signals[0]));                \
    })

/* Child processes */

/* A child process. */
typedef struct mote_process mote_process;

/* What the child has as its standard input, output and error, if it isn't a descriptor above 0, which it gets a copy of. */
enum {
    MOTE_PROCESS_INHERIT = 0, /* what we have */
    MOTE_PROCESS_PIPE = -1,   /* a pipe, whose other end mote_process_pipe gives */
    MOTE_PROCESS_NULL = -2,   /* nothing: /dev/null */
};

/* How to start it; all zero but file is a good choice. */
typedef struct mote_process_options {
    const char *file;      /* a path, or a name that is looked for in PATH */
    char *const *args;     /* args[0], ..., NULL; NULL: file alone */
    char *const *env;      /* "NAME=VALUE", ..., NULL; NULL: ours */
    const char *directory; /* where it starts; NULL: where we are */
    int in, out, err;      /* see above */
} mote_process_options;

/* How it ended. */
typedef struct mote_process_end {
    int code;   /* its exit status; -1: a signal has ended it */
    int signal; /* that signal, or 0 */
} mote_process_end;

/* Starts it. 0: *process is to be freed; -ENOENT: there is no such file, -EACCES and other errors of execve(2) and pipe(2);
 * -EINVAL; -ENOMEM; -ESHUTDOWN when no runtime runs; -ENOSYS: the program is linked without libuv, which reaps the children it has
 * started, so don't wait(2) for any. Blocks its thread for the time that a fork takes. */
int mote_process_spawn(const mote_process_options *options, mote_process **process);

/* Waits until the child has ended; *end says how (end may be NULL). By any number of tasks and threads, again and again. 0;
 * -ETIMEDOUT; the context's error. May switch. */
int mote_process_wait(mote_process *process, mote_process_end *end);
int mote_process_wait_until(mote_process *process, mote_process_end *end, int64_t deadline);
int mote_process_wait_ctx(mote_ctx *ctx, mote_process *process, mote_process_end *end);

/* Sends it a signal. 0; -ESRCH: it has ended; -EINVAL; -ESHUTDOWN when no runtime runs. Never hits another process. */
int mote_process_kill(mote_process *process, int signal);

/* Its number. */
int mote_process_pid(const mote_process *process);

/* Our end of the pipe to its standard input (0), or from its output (1) or error (2): the caller's from now on, to be closed by
 * mote_close. -EBADF: there is none, or it was asked for already. */
int mote_process_pipe(mote_process *process, int which);

/* Frees it, with pipes that nobody has asked for. A child that runs goes on running. Nobody may be waiting. NULL is ignored. */
void mote_process_free(mote_process *process);

#ifdef __cplusplus
}
#endif
#endif
