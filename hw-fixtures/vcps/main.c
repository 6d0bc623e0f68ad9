/* SPDX-License-Identifier: Apache-2.0 */
/* vcps: a virtual CPS card in a vpcd reader. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "control.h"

enum {
    DEFAULT_PORT = 35963,
    POLL_LINK = CONTROL_FDS_MAX,
    POLL_SIGNAL,
    POLL_MAX,
};

struct options {
    const char *cards, *control, *insert, *trace;
    uint16_t port;
};

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int usage(FILE *f)
{
    fputs("usage: vcps --cards DIR --control SOCKET [--port N] [--insert CARD] [--trace FILE]\n"
          "  --cards    directory of card images, as vcps-gen writes them\n"
          "  --control  Unix socket for commands\n"
          "  --port     where vpcd listens on loopback (35963)\n"
          "  --insert   card to insert at once\n"
          "  --trace    log of APDUs, codes masked\n",
          f);
    return f == stdout ? 0 : 2;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 0);

    if (*end || port == 0 || port > 65535)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* 0 to go on, otherwise the exit code plus one. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"cards", required_argument, NULL, 'c'},
        {"control", required_argument, NULL, 's'},
        {"port", required_argument, NULL, 'p'},
        {"insert", required_argument, NULL, 'i'},
        {"trace", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            o->cards = optarg;
            break;
        case 's':
            o->control = optarg;
            break;
        case 'p':
            if (!parse_port(optarg, &o->port))
                return 1 + usage(stderr);
            break;
        case 'i':
            o->insert = optarg;
            break;
        case 't':
            o->trace = optarg;
            break;
        default:
            return 1 + usage(c == 'h' ? stdout : stderr);
        }
    }
    return o->cards && o->control && optind == argc ? 0 : 1 + usage(stderr);
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int wait_events(struct pollfd *fds, uint64_t next)
{
    struct timespec t = {0};
    uint64_t now = clock_ns();

    if (next > now) {
        t.tv_sec = (time_t)((next - now) / 1000000000U);
        t.tv_nsec = (long)((next - now) % 1000000000U);
    }
    return ppoll(fds, POLL_MAX, next ? &t : NULL, NULL);
}

static int serve(struct control *c, struct reader *r, int signals)
{
    uint64_t next = reader_run(r, 0, clock_ns());

    while (!c->quit) {
        struct pollfd fds[POLL_MAX];
        control_prepare(c, fds);
        fds[POLL_LINK] = (struct pollfd){.fd = r->link.fd, .events = vpcd_events(&r->link)};
        fds[POLL_SIGNAL] = (struct pollfd){.fd = signals, .events = POLLIN};
        if (wait_events(fds, next) < 0 && errno != EINTR)
            return 1;
        if (fds[POLL_SIGNAL].revents)
            return 0;
        uint64_t now = clock_ns();
        /* The link first: a command may replace it by one that was not polled. */
        (void)reader_run(r, fds[POLL_LINK].revents, now);
        control_handle(c, fds, now);
        uint64_t reader_next = reader_run(r, 0, now);
        uint64_t control_next = control_run(c, now);
        next = reader_next == 0 || (control_next && control_next < reader_next) ? control_next
                                                                                : reader_next;
    }
    return 0;
}

static bool start(struct reader *r, const struct options *o)
{
    char err[256];

    if (o->trace && !trace_open(&r->trace, o->trace)) {
        fprintf(stderr, "vcps: %s: %s\n", o->trace, strerror(errno));
        return false;
    }
    if (o->insert) {
        struct card *card = reader_card(r, o->insert, err, sizeof(err));
        if (!card) {
            fprintf(stderr, "vcps: %s\n", err);
            return false;
        }
        reader_insert(r, card, clock_ns());
    }
    return true;
}

int main(int argc, char **argv)
{
    static struct reader reader;
    static struct control control;
    struct options o = {.port = DEFAULT_PORT};
    int rc = parse_options(argc, argv, &o);

    if (rc)
        return rc - 1;
    int signals = open_signals();
    reader_init(&reader, o.cards, o.port);
    if (signals < 0 || !control_init(&control, o.control, &reader)) {
        fprintf(stderr, "vcps: %s: %s\n", o.control, strerror(errno));
        rc = 1;
    } else if (!start(&reader, &o)) {
        rc = 1;
    } else {
        rc = serve(&control, &reader, signals);
        (void)unlink(o.control);
    }
    control_done(&control);
    reader_done(&reader);
    return rc;
}
