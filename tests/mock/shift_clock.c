/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded by tests: clocks that a test moves forward, of any program, unchanged. The file named
 * by SHIFT_CLOCK holds nanoseconds as a 64-bit number, which are added to what the kernel says.
 * After the test has moved it, SHIFT_CLOCK_SIGNAL makes a program set its timers again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SHIFT_CLOCK_SIGNAL (SIGRTMIN + 3)
#define TIMERS_MAX         32
#define NS_A_SECOND        1000000000LL

static const volatile int64_t *shift_ns;

/* A timer as its program set it: at is absolute, in the program's time. */
static struct timer {
    volatile bool armed;
    int fd;
    int clock;
    int64_t at_ns;
    struct timespec interval;
} timers[TIMERS_MAX];
static int n_timers;

static int64_t shift(void)
{
    return shift_ns != NULL ? *shift_ns : 0;
}

static int64_t ns_of(const struct timespec *ts)
{
    return ts->tv_sec * NS_A_SECOND + ts->tv_nsec;
}

static struct timespec ts_of(int64_t ns)
{
    return (struct timespec){.tv_sec = ns / NS_A_SECOND, .tv_nsec = ns % NS_A_SECOND};
}

static bool is_moved(clockid_t clock)
{
    switch (clock) {
    case CLOCK_PROCESS_CPUTIME_ID:
    case CLOCK_THREAD_CPUTIME_ID:
        return false;
    default:
        return clock >= 0; /* below: processor time of others */
    }
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    if (syscall(SYS_clock_gettime, clock, ts) < 0)
        return -1;
    if (is_moved(clock))
        *ts = ts_of(ns_of(ts) + shift());
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (ret != NULL)
        *ret = ts.tv_sec;
    return ts.tv_sec;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &ts);
    *tv = (struct timeval){.tv_sec = ts.tv_sec, .tv_usec = ts.tv_nsec / 1000};
    return 0;
}

/* In the kernel's time; what is past already fires at once. */
static int set_timer(const struct timer *timer)
{
    int64_t at_ns = timer->at_ns - shift();
    struct itimerspec spec = {.it_value = ts_of(at_ns > 0 ? at_ns : 1),
                              .it_interval = timer->interval};

    return (int)syscall(SYS_timerfd_settime, timer->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static struct timer *timer_of(int fd)
{
    for (int i = 0; i < n_timers; i++)
        if (timers[i].fd == fd)
            return &timers[i];
    return NULL;
}

int timerfd_create(int clock, int flags)
{
    int fd = (int)syscall(SYS_timerfd_create, clock, flags);
    struct timer *timer = fd >= 0 ? timer_of(fd) : NULL;

    if (fd < 0)
        return -1;
    if (timer == NULL && n_timers == TIMERS_MAX) {
        close(fd);
        errno = EMFILE;
        return -1;
    }
    if (timer == NULL)
        timer = &timers[n_timers++];
    *timer = (struct timer){.fd = fd, .clock = clock};
    return fd;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *ret_old)
{
    struct timer *timer = timer_of(fd);
    struct timespec now = {0};

    if (timer == NULL || ns_of(&spec->it_value) == 0) {
        if (timer != NULL)
            timer->armed = false;
        return (int)syscall(SYS_timerfd_settime, fd, flags, spec, ret_old);
    }
    if ((flags & TFD_TIMER_ABSTIME) == 0)
        clock_gettime(timer->clock, &now);
    timer->armed = false;
    timer->at_ns = ns_of(&now) + ns_of(&spec->it_value);
    timer->interval = spec->it_interval;
    timer->armed = true;
    return set_timer(timer);
}

static void on_moved(int signal)
{
    int saved = errno;

    (void)signal;
    for (int i = 0; i < n_timers; i++)
        if (timers[i].armed)
            (void)set_timer(&timers[i]); /* one that was closed is of no consequence */
    errno = saved;
}

__attribute__((constructor)) static void start(void)
{
    const char *path = getenv("SHIFT_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    struct sigaction action = {.sa_handler = on_moved, .sa_flags = SA_RESTART};
    void *map;

    if (fd < 0)
        return;
    map = mmap(NULL, sizeof *shift_ns, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        shift_ns = map;
    (void)sigaction(SHIFT_CLOCK_SIGNAL, &action, NULL);
}
