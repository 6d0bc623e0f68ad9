/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt/pinentry.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/prompt/display.h"
#include "agent/prompt/pinentry_link.h"
#include "base/clock.h"
#include "base/util.h"

/* A line of the protocol, its end not counted. */
#define LINE_MAX_LEN 1000

/* What a pinentry may take beyond its own time limit, and what an answer to the agent takes. */
#define LATE_MS   1000
#define ANSWER_MS 100

/* The button for no was pressed, where there is one beside that for cancelling. */
#define NOT_CONFIRMED "not_confirmed"

/*
 * The command and a text, control characters and '%' escaped. A text that is too long is cut
 * between two characters: a card that names itself at length must not cost the question.
 */
static void build_line(char line[LINE_MAX_LEN + 1], const char *command, const char *text)
{
    size_t len = (size_t)snprintf(line, LINE_MAX_LEN + 1, "%s", command);
    size_t whole = len;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool escaped = c < 0x20 || c == '%' || c == 0x7f;

        if ((c & 0xc0) != 0x80)
            whole = len; /* everything before is whole characters */
        if (len + (escaped ? 3 : 1) > LINE_MAX_LEN) {
            line[whole] = '\0';
            return;
        }
        len += (size_t)snprintf(line + len, LINE_MAX_LEN + 1 - len, escaped ? "%%%02X" : "%c", c);
    }
}

static gpg_error_t send_line(struct pinentry_link *link, const char *line)
{
    return assuan_transact(link->assuan, line, NULL, NULL, NULL, NULL, NULL, NULL);
}

static gpg_error_t send_text(struct pinentry_link *link, const char *command, const char *text)
{
    char line[LINE_MAX_LEN + 1];

    if (text == NULL)
        return 0;
    build_line(line, command, text);
    return send_line(link, line);
}

/* True for an error found on this side (end of file, nonsense), not one told by the pinentry. */
static bool is_broken(gpg_error_t error)
{
    return gpg_err_source(error) == GPG_ERR_SOURCE_USER_1;
}

/* What some pinentries do not know and a question can do without. */
static gpg_error_t send_options(struct pinentry_link *link, const struct question *question)
{
    char timeout[32];
    const char *const lines[][2] = {
        {"OPTION ttyname=", question->tty},
        {"OPTION ttytype=", question->tty != NULL ? question->term : NULL},
        {"OPTION lc-ctype=", question->lang != NULL ? question->lang : "C.UTF-8"},
        {"OPTION lc-messages=", question->lang},
        {"SETTITLE ", question->title},
        {"SETOK ", question->ok},
        {"SETNOTOK ", question->not_ok},
        {"SETCANCEL ", question->cancel},
        {"SETTIMEOUT ", timeout},
        {"SETREPEAT ", question->repeat},
        {"SETREPEATERROR ", question->repeat != NULL ? question->mismatch : NULL},
    };

    snprintf(timeout, sizeof timeout, "%lld", (long long)((question->timeout_ms + 999) / 1000));
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        gpg_error_t error = send_text(link, lines[i][0], lines[i][1]);

        if (error != 0 && is_broken(error))
            return error;
    }
    return 0;
}

/* The texts without which the question would not be the one that was meant. */
static gpg_error_t send_texts(struct pinentry_link *link, const struct question *question)
{
    gpg_error_t error = send_text(link, "SETDESC ", question->description);

    if (error == 0)
        error = send_text(link, "SETPROMPT ", question->prompt);
    if (error == 0)
        error = send_text(link, "SETERROR ", question->error);
    return error;
}

static cps_error explain(const struct pinentry_link *link, gpg_error_t error, struct fail *fail)
{
    gpg_err_code_t code = gpg_err_code(error);

    if (link->state == LINK_LATE)
        return fail_set(fail, CPS_PROMPT_TIMEOUT, "the pinentry did not answer in time");
    if (link->state == LINK_HUNG_UP)
        return fail_set(fail, CPS_CANCELLED, "the question was dropped");
    if (code == GPG_ERR_TIMEOUT)
        return fail_set(fail, CPS_PROMPT_TIMEOUT, "the pinentry timed out");
    if (code == GPG_ERR_NOT_CONFIRMED)
        return fail_reason(fail, CPS_PROMPT_CANCELLED, NOT_CONFIRMED, "refused in the pinentry");
    if (code == GPG_ERR_CANCELED || code == GPG_ERR_FULLY_CANCELED)
        return fail_set(fail, CPS_PROMPT_CANCELLED, "refused in the pinentry");
    if (is_broken(error))
        return fail_set(fail, CPS_COMPONENT_FAILED, "the pinentry broke: %s", gpg_strerror(error));
    if ((error & GPG_ERR_SYSTEM_ERROR) != 0) /* such as ENOTTY: no screen, no terminal */
        return fail_set(fail, CPS_PROMPT_UNAVAILABLE, "the pinentry cannot ask: %s",
                        gpg_strerror(error));
    return fail_set(fail, CPS_COMPONENT_FAILED, "the pinentry failed: %s", gpg_strerror(error));
}

/* The path of a program: itself when it has a '/', else the first of PATH that may be run. */
static char *find_program(const char *program)
{
    const char *path = getenv("PATH");
    char *found = NULL;

    if (strchr(program, '/') != NULL)
        return strdup(program);
    while (path != NULL && *path != '\0') {
        int len = (int)strcspn(path, ":");

        if (len > 0 && asprintf(&found, "%.*s/%s", len, path, program) >= 0) {
            if (access(found, X_OK) == 0)
                return found;
            free(found);
        }
        path += len + (path[len] == ':');
    }
    return NULL;
}

/* What is wanted of a pinentry: its data as they come, and the status lines among them. */
struct wanted {
    const char *verb;
    gpg_error_t (*on_data)(void *user, const void *data, size_t len);
    gpg_error_t (*on_status)(void *user, const char *line);
    void *user;
};

static cps_error converse(const struct question *question, const struct wanted *wanted,
                          struct fail *fail)
{
    struct pinentry_link link = {.deadline_ms = question->deadline_ms - ANSWER_MS,
                                 .channel = question->channel};
    AUTO_FREE char *path = find_program(question->program);
    int64_t patience = clock_boot_ms() + question->timeout_ms + LATE_MS;
    cps_error result = CPS_OK;
    gpg_error_t error;

    if (path == NULL)
        return fail_set(fail, CPS_PROMPT_UNAVAILABLE, "no program %s in PATH", question->program);
    if (link.deadline_ms > patience)
        link.deadline_ms = patience;
    error = link_open(&link, path);
    if (error != 0 && link.state == LINK_OPEN)
        return fail_set(fail, CPS_PROMPT_UNAVAILABLE, "no pinentry: %s", gpg_strerror(error));
    if (error != 0)
        return explain(&link, error, fail);
    error = send_options(&link, question);
    if (error == 0)
        error = send_texts(&link, question);
    if (error == 0)
        error = assuan_transact(link.assuan, wanted->verb, wanted->on_data, wanted->user, NULL,
                                NULL, wanted->on_status, wanted->user);
    if (error != 0)
        result = explain(&link, error, fail);
    link_close(&link);
    return result;
}

/* Whatever way a question ends, the caller's terminal is left as it was. */
static cps_error ask(const struct question *question, const struct wanted *wanted,
                     struct fail *fail)
{
    struct terminal *terminal = terminal_save(question->tty);
    cps_error result;

    if (question->tty != NULL && terminal == NULL && !display_has_screen())
        return fail_set(fail, CPS_PROMPT_UNAVAILABLE, "no screen, and no terminal %s",
                        question->tty);
    result = converse(question, wanted, fail);
    terminal_restore(terminal);
    return result;
}

struct typed {
    struct secret *pin;
    bool repeated;
};

/* A PIN fits in one line of data: a second one is not a PIN. */
static gpg_error_t keep_pin(void *user, const void *data, size_t len)
{
    const struct typed *typed = user;

    if (secret_len(typed->pin) > 0 || secret_set(typed->pin, data, len) < 0)
        return gpg_err_make(GPG_ERR_SOURCE_USER_1, GPG_ERR_TOO_LARGE);
    return 0;
}

static gpg_error_t note_status(void *user, const char *line)
{
    struct typed *typed = user;

    typed->repeated = typed->repeated || strcmp(line, "PIN_REPEATED") == 0;
    return 0;
}

cps_error pinentry_new_pin(const struct question *question, struct secret *pin, bool *ret_repeated,
                           struct fail *fail)
{
    struct typed typed = {.pin = pin};
    const struct wanted wanted = {"GETPIN", keep_pin, note_status, &typed};
    cps_error result;

    secret_wipe(pin);
    result = ask(question, &wanted, fail);
    if (result == CPS_OK && secret_len(pin) == 0)
        return fail_set(fail, CPS_PIN_INVALID, "the PIN is empty");
    if (result != CPS_OK)
        secret_wipe(pin); /* data that came before an error is no PIN */
    else
        *ret_repeated = typed.repeated;
    return result;
}

cps_error pinentry_pin(const struct question *question, struct secret *pin, struct fail *fail)
{
    bool repeated;

    return pinentry_new_pin(question, pin, &repeated, fail);
}

static gpg_error_t keep_nothing(void *user, const void *data, size_t len)
{
    (void)user;
    (void)data;
    (void)len;
    return 0;
}

cps_error pinentry_confirm(const struct question *question, bool *ret_confirmed, bool *ret_refused,
                           struct fail *fail)
{
    const struct wanted wanted = {.verb = "CONFIRM", .on_data = keep_nothing};
    cps_error result = ask(question, &wanted, fail);

    if (result != CPS_OK && result != CPS_PROMPT_CANCELLED)
        return result;
    *ret_confirmed = result == CPS_OK;
    *ret_refused =
        result != CPS_OK && question->not_ok != NULL && strcmp(fail->reason, NOT_CONFIRMED) == 0;
    return CPS_OK;
}

cps_error pinentry_message(const struct question *question, struct fail *fail)
{
    const struct wanted wanted = {.verb = "MESSAGE", .on_data = keep_nothing};
    cps_error result = ask(question, &wanted, fail);

    return result == CPS_OK ? fail_set(fail, CPS_PROMPT_CANCELLED, "the message was closed")
                            : result;
}
