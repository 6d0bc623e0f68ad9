/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/clocks.h"
#include "tests/bench/sockload.h"

static const char usage[] =
    "Usage: bench-sockload [options] SOCKET   prints one line of JSON\n"
    "  -r FILE  request: whole messages, sent together; answers to all of them make one call\n"
    "  -p FILE  prelude: sent once on each connection\n"
    "  -n N     connections that call (default 1)\n"
    "  -1       a new connection for each call\n"
    "  -d MS    duration (default 300), -w MS warm-up before it (default 50)\n"
    "  -s PID   server whose processor time is counted\n"
    "  -c CORE  core to run on\n"
    "  -S       messages are framed as ssh-agent's, -O: not at all, as oidc-agent's\n"
    "  -i N     idle connections, which have played -I FILE\n"
    "  -h N     connections stalled in the middle of a request\n"
    "  -D N     connections that ask and never read\n"
    "  -F N     no closed loop: N times the request of -r, timed until its event has reached the\n"
    "           idle connections, then -R FILE, which causes an event too\n"
    "  -H       no closed loop: opens the crowd, says so, waits for the end of its input\n";

struct options {
    struct load load;
    const char *prelude;
    const char *request;
    const char *idle;
    const char *rearm;
    bool hold;
};

static unsigned number(const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end != '\0' || value > INT32_MAX)
        errx(2, "not a number: %s", text);
    return (unsigned)value;
}

static unsigned connections(const char *text)
{
    unsigned n = number(text);

    if (n > CONNECTIONS_MAX)
        errx(2, "at most %d connections", CONNECTIONS_MAX);
    return n;
}

/* The options that are numbers; false when it is none of them. */
static bool read_number(struct load *load, int option)
{
    switch (option) {
    case 'n':
        load->active = connections(optarg);
        return true;
    case 'i':
        load->idle = connections(optarg);
        return true;
    case 'h':
        load->stalled = connections(optarg);
        return true;
    case 'D':
        load->deaf = connections(optarg);
        return true;
    case 'd':
        load->duration_ms = number(optarg);
        return true;
    case 'w':
        load->warmup_ms = number(optarg);
        return true;
    case 's':
        load->server = (pid_t)number(optarg);
        return true;
    case 'c':
        clocks_pin((int)number(optarg));
        return true;
    case 'F':
        load->rounds = number(optarg);
        return true;
    default:
        return false;
    }
}

static void read_option(struct options *options, int option)
{
    switch (option) {
    case '1':
        options->load.per_call = 1;
        break;
    case 'S':
        options->load.framing = FRAMING_SSH;
        break;
    case 'O':
        options->load.framing = FRAMING_OIDC;
        break;
    case 'H':
        options->hold = true;
        break;
    case 'p':
        options->prelude = optarg;
        break;
    case 'r':
        options->request = optarg;
        break;
    case 'I':
        options->idle = optarg;
        break;
    case 'R':
        options->rearm = optarg;
        break;
    default:
        if (!read_number(&options->load, option)) {
            fputs(usage, stderr);
            exit(2);
        }
    }
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        err(EXIT_FAILURE, "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        err(EXIT_FAILURE, "setrlimit");
}

static void hold(void)
{
    char byte;

    puts("ready");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
}

int main(int argc, char **argv)
{
    struct options options = {
        .load = {.active = 1, .duration_ms = 300, .warmup_ms = 50, .framing = FRAMING_LINE}};
    struct load *load = &options.load;
    int option;

    while ((option = getopt(argc, argv, "r:p:n:1d:w:s:c:SOi:I:h:D:F:R:H")) != -1)
        read_option(&options, option);
    if (optind + 1 != argc) {
        fputs(usage, stderr);
        return 2;
    }
    load->socket_path = argv[optind];
    script_load(&load->prelude, options.prelude, load->framing);
    script_load(&load->request, options.request, load->framing);
    script_load(&load->idle_script, options.idle, load->framing);
    script_load(&load->rearm, options.rearm, load->framing);
    raise_descriptor_limit();
    if (load->server != 0)
        load->server_start_ns = clocks_cpu_ns(load->server);
    if (load->rounds > 0) {
        sockload_fanout(load);
        return EXIT_SUCCESS;
    }
    sockload_crowd(load);
    if (options.hold)
        hold();
    else
        sockload_loop(load);
    return EXIT_SUCCESS;
}
