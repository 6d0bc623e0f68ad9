/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of cpsctl share. One command, one file. */
#ifndef CPSCTL_H
#define CPSCTL_H

#include <cps/agent.h>
#include <jansson.h>
#include <libintl.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/cpsctl/waiting.h"

/* Messages are written in French; po/ holds the translations. */
#define _(text) gettext(text)

/* Marks a text for translation where gettext cannot be called. */
#define N_(text) text

/* Exit status, as documented in cpsctl(1). */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,     /* refused or failed, any other reason */
    EXIT_USAGE = 2,      /* the command line makes no sense */
    EXIT_NO_AGENT = 3,   /* the agent does not answer */
    EXIT_CANCELLED = 4,  /* by the user: Ctrl-C, dialogue, phone */
    EXIT_LATE = 5,       /* nobody or nothing answered in time */
    EXIT_NO_SESSION = 6, /* nobody is logged in, or somebody else; locked */
    EXIT_CARD = 7,       /* reader or card */
    EXIT_PIN = 8,        /* wrong, blocked or missing PIN */
    EXIT_NOT_VALID = 9,  /* verify: the signature or a claim is refused */
};

struct cpsctl {
    bool json;          /* --json: the result as JSON on standard output */
    const char *socket; /* --socket, or NULL */
    int timeout_ms;     /* --timeout, or 0: what suits the command */
    cps_agent *agent;   /* set by cpsctl_connect */
    struct waiting waiting;
};

/* One row of the table of commands. run gets the arguments after the command's name. */
struct command {
    const char *name;
    int (*run)(struct cpsctl *ctl, int argc, char **argv);
    const char *usage;   /* arguments, French msgid */
    const char *summary; /* French msgid */
};

int command_status(struct cpsctl *ctl, int argc, char **argv);
int command_card(struct cpsctl *ctl, int argc, char **argv);
int command_login(struct cpsctl *ctl, int argc, char **argv);
int command_lock(struct cpsctl *ctl, int argc, char **argv);
int command_unlock(struct cpsctl *ctl, int argc, char **argv);
int command_step_up(struct cpsctl *ctl, int argc, char **argv);
int command_pin(struct cpsctl *ctl, int argc, char **argv);
int command_policy(struct cpsctl *ctl, int argc, char **argv);
int command_practice(struct cpsctl *ctl, int argc, char **argv);
int command_statement(struct cpsctl *ctl, int argc, char **argv);
int command_token(struct cpsctl *ctl, int argc, char **argv);
int command_watch(struct cpsctl *ctl, int argc, char **argv);
int command_keys(struct cpsctl *ctl, int argc, char **argv);
int command_logout(struct cpsctl *ctl, int argc, char **argv);
int command_audit(struct cpsctl *ctl, int argc, char **argv);
int command_verify(struct cpsctl *ctl, int argc, char **argv);
int command_provider(struct cpsctl *ctl, int argc, char **argv);
int command_trust(struct cpsctl *ctl, int argc, char **argv);

/* For what the user may first have to allow, whatever else it takes. */
#define CPSCTL_CONSENT_TIMEOUT_MS 90000

/* Becomes the program beside cpsctl whose name ends so; argv[0] is set here. Returns on failure. */
int cpsctl_companion(const char *suffix, char **argv);

/* For them: the agent's keys in an anonymous file that survives exec; -1 with the exit status. */
int cpsctl_keys(struct cpsctl *ctl, int *ret_status);

/* True when one of the arguments is that option. */
bool cpsctl_has_option(int argc, char **argv, const char *option);

/* Connects and says hello. Returns EXIT_DONE, or the exit status with the reason printed. */
int cpsctl_connect(struct cpsctl *ctl);

/*
 * Connects when needed, calls and parses. Steals params. Returns EXIT_DONE with *ret_result, which
 * the caller owns, or the exit status with the reason printed. Ctrl-C cancels the call.
 */
int cpsctl_call(struct cpsctl *ctl, const char *method, json_t *params, int timeout_ms,
                json_t **ret_result);

/* Prints why the last call failed and returns the exit status that tells it. */
int cpsctl_explain(struct cpsctl *ctl, cps_error error);

/* The exit status that tells an error. */
int cpsctl_exit_status(cps_error error);

#endif
