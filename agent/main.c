/* SPDX-License-Identifier: Apache-2.0 */
/* cps-agent: options, then the parts of the agent in the order they need each other. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "agent/access.h"
#include "agent/agent.h"
#include "agent/blocks.h"
#include "agent/card_memory.h"
#include "agent/cards.h"
#include "agent/child.h"
#include "agent/consent.h"
#include "agent/contents.h"
#include "agent/desktop.h"
#include "agent/evidence.h"
#include "agent/evidence_events.h"
#include "agent/keys.h"
#include "agent/login.h"
#include "agent/logind.h"
#include "agent/oidc.h"
#include "agent/people.h"
#include "agent/pin_policy.h"
#include "agent/policy.h"
#include "agent/policy_refresh.h"
#include "agent/practice_memory.h"
#include "agent/push_limit.h"
#include "agent/rate_limit.h"
#include "agent/revocation.h"
#include "agent/server.h"
#include "agent/sessions.h"
#include "agent/settings.h"
#include "agent/state_store.h"
#include "agent/trust.h"
#include "agent/trust_watch.h"
#include "base/confine.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

/* Below the user's configuration directory. */
#define USER_POLICY "cps-agent/policy.conf"

/* Longer than the first answer takes, shorter than a helper's own start. */
#define HELPERS_WAIT_US 2000

enum option_id { OPT_CONFIG = 256, OPT_STATE, OPT_SOCKET, OPT_LIBEXEC, OPT_DEBUG };

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPT_CONFIG},
    {"state", required_argument, NULL, OPT_STATE},
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"libexec", required_argument, NULL, OPT_LIBEXEC},
    {"debug", no_argument, NULL, OPT_DEBUG},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {0},
};

static const char usage[] =
    "Usage: cps-agent [options]\n"
    "  --config DIR   configuration (default " CPS_CONFIGDIR ")\n"
    "  --state DIR    state (default $STATE_DIRECTORY, $XDG_STATE_HOME/cps-agent)\n"
    "  --socket PATH  socket (default $XDG_RUNTIME_DIR/cps-agent/agent.sock)\n"
    "  --libexec DIR  helper programs (default " CPS_LIBEXECDIR ")\n"
    "  --debug        say more on standard error\n"
    "  --help, --version\n";

/* first, or base/rest when base is set, or NULL. */
static char *path_from(const char *first, const char *base, const char *rest)
{
    char *path = NULL;

    if (first != NULL)
        return strdup(first);
    if (base == NULL || asprintf(&path, "%s/%s", base, rest) < 0)
        return NULL;
    return path;
}

static char *default_state(void)
{
    char *path = path_from(getenv("STATE_DIRECTORY"), getenv("XDG_STATE_HOME"), "cps-agent");

    return path != NULL ? path : path_from(NULL, getenv("HOME"), ".local/state/cps-agent");
}

/* The directories above the last one, as mkdir -p would. */
static void make_parents(const char *path)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof copy, "%s", path);
    for (char *at = strchr(copy + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
            return;
        *at = '/';
    }
}

/* Returns -1 to go on, else the exit status. */
static int read_options(int argc, char **argv, struct agent_options *options)
{
    int c;

    options->config_dir = CPS_CONFIGDIR;
    options->libexec_dir = CPS_LIBEXECDIR;
    while ((c = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
        switch (c) {
        case OPT_CONFIG:
            options->config_dir = optarg;
            break;
        case OPT_STATE:
            options->state_dir = optarg;
            break;
        case OPT_SOCKET:
            options->socket_path = optarg;
            break;
        case OPT_LIBEXEC:
            options->libexec_dir = optarg;
            break;
        case OPT_DEBUG:
            setenv("CPS_DEBUG", "1", 1);
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        case 'V':
            puts("cps-agent " CPS_VERSION);
            return EXIT_SUCCESS;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    fputs(usage, stderr);
    return 2;
}

/* The site's rules, and the user's under them. */
static struct policy *policy_in(const char *config_dir)
{
    AUTO_FREE char *directory = path_from(NULL, config_dir, "policy.d");
    AUTO_FREE char *user = path_from(NULL, getenv("XDG_CONFIG_HOME"), USER_POLICY);

    if (user == NULL)
        user = path_from(NULL, getenv("HOME"), ".config/" USER_POLICY);
    return directory != NULL ? policy_new(directory, user) : NULL;
}

/* What programs may do, and how often. False: no memory. */
static bool prepare_rules(struct agent *agent)
{
    agent->policy = policy_in(agent->options.config_dir);
    agent->policy_refresh = policy_refresh_new(agent);
    agent->consents = consents_new(agent);
    agent->statement_rate = access_rate_new(agent->config);
    agent->pushes = access_pushes_new(agent);
    return agent->policy != NULL && agent->policy_refresh != NULL && agent->consents != NULL &&
           agent->statement_rate != NULL && agent->pushes != NULL;
}

/* The one that is named is meant to be there; the usual one need not be. */
static cps_error check_config_dir(const char *path, struct fail *fail)
{
    if (strcmp(path, CPS_CONFIGDIR) != 0 && access(path, F_OK) < 0)
        return fail_set(fail, CPS_CONFIGURATION, "--config %s: %s", path, strerror(errno));
    return CPS_OK;
}

static cps_error prepare(struct agent *agent, struct fail *fail)
{
    AUTO_FREE char *config_path = path_from(NULL, agent->options.config_dir, "cps-agent.conf");
    AUTO_FREE char *trust_dir = path_from(NULL, agent->options.config_dir, "trust");
    AUTO_FREE char *people_dir = path_from(NULL, agent->options.config_dir, "people.d");
    const char *trust_path;

    if (config_path == NULL || trust_dir == NULL || people_dir == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (check_config_dir(agent->options.config_dir, fail) != CPS_OK ||
        config_load(config_path, settings_keys, true, &agent->config, fail) != CPS_OK ||
        settings_check(agent->config, config_path, fail) != CPS_OK)
        return fail->code;
    agent->people = people_new(people_dir, fail);
    if (agent->people == NULL)
        return fail->code;
    trust_path = config_string(agent->config, "trust", "directory", trust_dir);
    agent->trust = trust_new(trust_path, config_bool(agent->config, "trust", "test", false), fail);
    if (agent->trust == NULL)
        return fail->code;
    agent->blocks = blocks_new(agent->options.config_dir);
    agent->trust_watch = trust_watch_new(agent, trust_path);
    agent->revocation = revocation_new(agent);
    agent->store = state_store_new(agent);
    if (agent->store == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    make_parents(agent->options.state_dir);
    agent->keys = keys_new(agent->options.state_dir, fail);
    if (agent->keys == NULL)
        return fail->code;
    agent->pins = pins_new(agent, fail);
    if (agent->pins == NULL)
        return fail->code;
    agent->desktop = desktop_new(agent);
    agent->logind = logind_new(agent);
    if (agent->desktop == NULL || agent->logind == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    agent->evidence = evidence_new(agent, fail);
    if (agent->evidence == NULL)
        return fail->code;
    agent->children = children_new();
    agent->contents = contents_new(agent);
    agent->card_memory = card_memory_new();
    agent->cards = cards_new(agent);
    agent->oidc = oidc_new(agent);
    agent->sessions = sessions_new(agent);
    agent->logins = logins_new(agent);
    agent->practice_memory =
        practice_memory_new(agent->options.state_dir, agent->store, agent->keys);
    if (!prepare_rules(agent) || agent->children == NULL || agent->cards == NULL ||
        agent->oidc == NULL || agent->sessions == NULL || agent->logins == NULL ||
        agent->contents == NULL || agent->blocks == NULL || agent->trust_watch == NULL ||
        agent->revocation == NULL || agent->practice_memory == NULL || agent->card_memory == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    agent->server = server_new(agent, fail);
    return agent->server != NULL ? CPS_OK : fail->code;
}

/*
 * The helpers start once the socket answers, and when those who waited for it had time to be
 * answered: nobody waits for helpers to know that we are there. A login that comes sooner starts
 * the one it needs.
 */
static int start_children(sd_event_source *source, uint64_t usec, void *user)
{
    struct agent *agent = user;

    (void)source;
    (void)usec;
    evidence_agent_started(agent);
    evidence_start(agent->evidence);
    cards_start(agent->cards);
    logind_start(agent->logind);
    oidc_start(agent->oidc);
    return 0;
}

/* Authorities, block list and the rules for programs are read again; programs are told to look
 * again at what they may see. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
    struct agent *agent = user;

    (void)source;
    (void)info;
    trust_watch_reload(agent->trust_watch);
    policy_refresh_start(agent->policy_refresh);
    return 0;
}

/* Not by sd_event_exit(): a loop that has ended takes no process in, such as that which writes. */
static int on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *user)
{
    bool *ended = user;

    (void)source;
    (void)info;
    *ended = true;
    return 0;
}

static int set_up_loop(struct agent *agent, bool *ended)
{
    sigset_t mask;
    int r;

    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
        return -errno;
    r = sd_event_default(&agent->event);
    if (r >= 0)
        r = sd_event_add_signal(agent->event, NULL, SIGTERM, on_end, ended);
    if (r >= 0)
        r = sd_event_add_signal(agent->event, NULL, SIGINT, on_end, ended);
    if (r >= 0)
        r = sd_event_add_signal(agent->event, NULL, SIGHUP, on_hangup, agent);
    if (r >= 0)
        r = sd_event_set_watchdog(agent->event, true);
    return r;
}

/* In the order in which they stop needing each other: logins first, processes last. */
static void tear_down(struct agent *agent)
{
    struct fail stops;

    fail_set(&stops, CPS_AGENT_UNAVAILABLE, "the agent stops");
    evidence_hold(agent->evidence);
    logins_end(agent->logins, &stops);
    if (agent->sessions != NULL) /* before the cards go: it is not their removal that ends them */
        sessions_stop(agent->sessions);
    logind_free(agent->logind);
    cards_free(agent->cards);
    card_memory_free(agent->card_memory);
    pins_free(agent->pins);
    contents_free(agent->contents);
    desktop_free(agent->desktop);
    sessions_free(agent->sessions);
    logins_free(agent->logins);
    revocation_free(agent->revocation);
    oidc_free(agent->oidc);
    server_free(agent->server); /* its connections say how many tokens they had */
    evidence_agent_stopped(agent);
    evidence_free(agent->evidence);
    consents_free(agent->consents);
    rate_limit_free(agent->statement_rate);
    push_limit_free(agent->pushes);
    policy_refresh_free(agent->policy_refresh);
    policy_free(agent->policy);
    keys_free(agent->keys);
    trust_watch_free(agent->trust_watch);
    blocks_free(agent->blocks);
    trust_free(agent->trust);
    practice_memory_free(agent->practice_memory);
    people_free(agent->people);
    state_store_free(agent->store); /* those above have said what is to be on disk */
    children_free(agent->children);
    config_free(agent->config);
    sd_event_unref(agent->event);
}

static int run(struct agent *agent)
{
    struct fail fail = FAIL_INIT;
    char text[512];
    bool ended = false;
    int r = set_up_loop(agent, &ended);
    sd_event_source *starter = NULL;

    if (r < 0) {
        log_error("event loop: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    if (prepare(agent, &fail) != CPS_OK) {
        fail_describe(&fail, text, sizeof text);
        log_error("%s", text);
        return EXIT_FAILURE;
    }
    r = sd_event_add_time_relative(agent->event, &starter, CLOCK_BOOTTIME, HELPERS_WAIT_US, 1,
                                   start_children, agent);
    sd_notify(0, "READY=1");
    while (r >= 0 && !ended)
        r = sd_event_run(agent->event, UINT64_MAX);
    sd_event_source_unref(starter);
    return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct agent agent = {0};
    AUTO_FREE char *state = default_state();
    AUTO_FREE char *socket_path =
        path_from(NULL, getenv("XDG_RUNTIME_DIR"), "cps-agent/agent.sock");
    int status;

    agent.options.state_dir = state;
    agent.options.socket_path = socket_path;
    status = read_options(argc, argv, &agent.options);
    if (status >= 0)
        return status;
    log_init("cps-agent", getenv("CPS_DEBUG") != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    if (agent.options.state_dir == NULL || agent.options.socket_path == NULL) {
        log_error("no place for state or socket: set XDG_RUNTIME_DIR and HOME, or the options");
        return EXIT_FAILURE;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    confine_memory();
    json_wipe_freed();
    /* A millisecond of start and 200 kB that error texts and cipher names would cost, unused. */
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS | OPENSSL_INIT_NO_ADD_ALL_CIPHERS,
                        NULL);
    status = run(&agent);
    tear_down(&agent);
    return status;
}
