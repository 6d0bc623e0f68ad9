/* SPDX-License-Identifier: Apache-2.0 */
/* The connection of a command: hello, calls that Ctrl-C cancels, failures in words. */
#include "agent/cpsctl/cpsctl.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "agent/cpsctl/screen.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

/*
 * From here on, an interruption is read from a descriptor, so that the agent hears of it: a PIN
 * dialogue must not stay on screen after its command has gone.
 */
static int interruptions(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int cpsctl_exit_status(cps_error error)
{
    switch (error) {
    case CPS_OK:
        return EXIT_DONE;
    case CPS_INVALID_PARAMS: /* a value on the command line that only the agent can judge */
        return EXIT_USAGE;
    case CPS_AGENT_UNAVAILABLE:
        return EXIT_NO_AGENT;
    case CPS_CANCELLED:
    case CPS_PROMPT_CANCELLED:
    case CPS_LOGIN_REFUSED:
    case CPS_CONSENT_REFUSED:
        return EXIT_CANCELLED;
    case CPS_DEADLINE_EXCEEDED:
    case CPS_PROMPT_TIMEOUT:
    case CPS_LOGIN_EXPIRED:
        return EXIT_LATE;
    case CPS_NO_SESSION:
    case CPS_SESSION_CHANGED:
    case CPS_SESSION_LOCKED:
    case CPS_OTHER_PERSON:
        return EXIT_NO_SESSION;
    case CPS_PIN_REQUIRED:
    case CPS_PIN_WRONG:
    case CPS_PIN_BLOCKED:
    case CPS_PIN_INVALID:
    case CPS_PIN_LAST_TRY:
    case CPS_PUK_WRONG:
    case CPS_PUK_BLOCKED:
        return EXIT_PIN;
    default:
        break;
    }
    if (error >= CPS_PCSC_UNAVAILABLE && error <= CPS_CARD_PROTOCOL)
        return EXIT_CARD;
    return EXIT_FAILED;
}

static int explain(const struct cpsctl *ctl, cps_error error, const json_t *details)
{
    const cps_error_text *text = cps_error_get_text(error);
    const json_t *causes = json_get_array(details, "causes");
    int64_t tries = json_get_int(details, "tries_left", -1);
    int64_t wait_ms = json_get_int(details, "retry_after_ms", 0);
    const json_t *cause;
    size_t i;

    if (ctl->json) {
        AUTO_JSON json_t *object = json_pack("{s:O}", "error", details);

        text_json(object);
    }
    screen_erase();
    fprintf(stderr, "cpsctl: %s\n", text_is_english() ? text->message_en : text->message_fr);
    if (tries >= 0)
        fprintf(stderr, _("Essais restants : %lld\n"), (long long)tries);
    if (wait_ms > 0)
        fprintf(stderr, _("À réessayer dans %lld s\n"), (long long)(wait_ms + 999) / 1000);
    if (error == CPS_INVALID_PARAMS)
        text_line(stderr, "%s", _("→ Voir cpsctl --help."));
    else
        fprintf(stderr, "→ %s\n", text_is_english() ? text->advice_en : text->advice_fr);
    json_array_foreach (causes, i, cause)
        text_line(stderr, _("  (pour le support : %s)"), json_string_value(cause));
    return cpsctl_exit_status(error);
}

int cpsctl_explain(struct cpsctl *ctl, cps_error error)
{
    const char *failure = ctl->agent != NULL ? cps_agent_failure(ctl->agent) : "{}";
    AUTO_JSON json_t *details = json_parse_strict(failure, strlen(failure));

    if (json_get_string(details, "name") == NULL) {
        json_decref(details);
        details = json_pack("{s:s}", "name", cps_error_name(error));
    }
    return explain(ctl, error, details);
}

int cpsctl_connect(struct cpsctl *ctl)
{
    int timeout_ms = ctl->timeout_ms > 0 ? ctl->timeout_ms : CPS_AGENT_TIMEOUT_MS;
    cps_error error;

    if (ctl->agent != NULL)
        return EXIT_DONE;
    error = cps_agent_connect(ctl->socket, timeout_ms, &ctl->agent);
    if (error == CPS_OK)
        error = cps_agent_hello(ctl->agent, "cpsctl", CPS_VERSION, timeout_ms);
    if (error != CPS_OK)
        return cpsctl_explain(ctl, error);
    cps_agent_set_cancel_fd(ctl->agent, interruptions());
    waiting_init(&ctl->waiting, ctl->agent);
    return EXIT_DONE;
}

int cpsctl_call(struct cpsctl *ctl, const char *method, json_t *params, int timeout_ms,
                json_t **ret_result)
{
    AUTO_JSON json_t *owned = params;
    AUTO_FREE char *text = json_dumps(owned, JSON_COMPACT);
    AUTO_FREE char *result = NULL;
    cps_error error;
    int status = cpsctl_connect(ctl);

    if (status != EXIT_DONE)
        return status;
    waiting_begin(&ctl->waiting);
    error = cps_agent_call(ctl->agent, method, text,
                           ctl->timeout_ms > 0 ? ctl->timeout_ms : timeout_ms, &result);
    screen_erase();
    if (error != CPS_OK)
        return cpsctl_explain(ctl, error);
    *ret_result = json_loads(result, JSON_DECODE_ANY, NULL);
    return *ret_result != NULL ? EXIT_DONE : cpsctl_explain(ctl, CPS_INTERNAL);
}
