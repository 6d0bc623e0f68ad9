/* SPDX-License-Identifier: Apache-2.0 */
/* cps-prompt: puts one question to the user, answers the agent, and ends. See base/proto.h. */
#include <string.h>

#include "agent/prompt/browse.h"
#include "agent/prompt/display.h"
#include "agent/prompt/new_code.h"
#include "agent/prompt/pinentry.h"
#include "base/confine.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"
#include "base/worker.h"

/* When the agent names no time: as long as gpg-agent's own default. */
#define DEFAULT_TIMEOUT_MS 60000

/* Digits that a code may be asked to have. */
#define DIGITS_MAX 64

static struct question read_question(const struct worker_request *request)
{
    const json_t *params = request->params;
    const json_t *display = json_get_object(params, "display");
    const char *program = json_get_string(params, "program");

    return (struct question){
        .program = program != NULL ? program : "pinentry",
        .title = json_get_string(params, "title"),
        .description = json_get_string(params, "description"),
        .prompt = json_get_string(params, "prompt"),
        .error = json_get_string(params, "error"),
        .ok = json_get_string(params, "ok"),
        .not_ok = json_get_string(params, "not_ok"),
        .cancel = json_get_string(params, "cancel"),
        .timeout_ms = json_get_int(params, "timeout_ms", DEFAULT_TIMEOUT_MS),
        .deadline_ms = request->deadline_ms,
        .channel = WORKER_CHANNEL_FD,
        .tty = json_get_string(display, "tty"),
        .term = json_get_string(display, "term"),
        .lang = json_get_string(display, "lang"),
    };
}

/*
 * A pinentry needs neither privileges nor network, unless its X server is at the other end of one.
 * A browser is left alone: its own sandbox needs the very calls that would be taken away.
 */
static void confine_questions(void)
{
    confine_self(CONFINE_EXEC | CONFINE_WRITE | (display_is_remote() ? CONFINE_NETWORK : 0));
}

static cps_error do_pin(const struct worker_request *request, struct fail *fail)
{
    AUTO_SECRET struct secret *pin = secret_new();
    struct question question = read_question(request);
    cps_error result;

    if (pin == NULL || request->fd < 0)
        return fail_set(fail, CPS_INTERNAL, "no memory or no pipe for the PIN");
    confine_questions();
    result = pinentry_pin(&question, pin, fail);
    if (result == CPS_OK && secret_write(pin, request->fd) < 0)
        return fail_set(fail, CPS_COMPONENT_FAILED, "nobody reads the PIN");
    return result;
}

static cps_error do_confirm(const struct worker_request *request, json_t *result, struct fail *fail)
{
    struct question question = read_question(request);
    bool confirmed = false, refused = false;
    cps_error error;

    confine_questions();
    error = pinentry_confirm(&question, &confirmed, &refused, fail);
    json_object_set_new(result, "confirmed", json_boolean(confirmed));
    if (refused)
        json_object_set_new(result, "refused", json_true());
    return error;
}

static const char *text(const struct worker_request *request, const char *key)
{
    const char *found = json_get_string(request->params, key);

    return found != NULL ? found : key;
}

/* Both codes in one go, a line feed between them. */
static cps_error write_codes(const struct secret *current, const struct secret *new_code, int fd,
                             struct fail *fail)
{
    if (secret_write(current, fd) < 0 || write(fd, "\n", 1) != 1 || secret_write(new_code, fd) < 0)
        return fail_set(fail, CPS_COMPONENT_FAILED, "nobody reads the codes");
    return CPS_OK;
}

static cps_error do_change(const struct worker_request *request, struct fail *fail)
{
    AUTO_SECRET struct secret *current = secret_new();
    AUTO_SECRET struct secret *new_code = secret_new();
    struct question question = read_question(request);
    int64_t digits = json_get_int(request->params, "digits", 0);
    const struct new_code_texts texts = {.current = text(request, "current"),
                                         .new = text(request, "new"),
                                         .repeat = text(request, "repeat"),
                                         .mismatch = text(request, "mismatch"),
                                         .same = text(request, "same"),
                                         .weak = text(request, "weak"),
                                         .form = text(request, "form")};
    cps_error error;

    if (current == NULL || new_code == NULL || request->fd < 0)
        return fail_set(fail, CPS_INTERNAL, "no memory or no pipe for the codes");
    if (digits < 0 || digits > DIGITS_MAX)
        return fail_set(fail, CPS_INVALID_PARAMS, "digits");
    confine_questions();
    error = new_code_ask(&question, &texts, (unsigned)digits, current, new_code, fail);
    return error == CPS_OK ? write_codes(current, new_code, request->fd, fail) : error;
}

static cps_error do_message(const struct worker_request *request, struct fail *fail)
{
    struct question question = read_question(request);

    if (question.ok == NULL) /* all that a message offers is to be closed */
        question.ok = question.cancel;
    confine_questions();
    return pinentry_message(&question, fail);
}

static cps_error do_browse(const struct worker_request *request, struct fail *fail)
{
    const char *url = json_get_string(request->params, "url");

    return browse_open(url != NULL ? url : "", json_get_array(request->params, "command"), fail);
}

static cps_error answer(const struct worker_request *request, json_t *result, struct fail *fail)
{
    display_apply(json_get_object(request->params, "display"));
    if (strcmp(request->op, "pin") == 0)
        return do_pin(request, fail);
    if (strcmp(request->op, "confirm") == 0)
        return do_confirm(request, result, fail);
    if (strcmp(request->op, "change") == 0)
        return do_change(request, fail);
    if (strcmp(request->op, "message") == 0)
        return do_message(request, fail);
    if (strcmp(request->op, "browse") == 0)
        return do_browse(request, fail);
    return fail_set(fail, CPS_METHOD_NOT_FOUND, "no such question");
}

int main(void)
{
    AUTO_REQUEST struct worker_request request = WORKER_REQUEST_INIT;
    struct fail fail = FAIL_INIT;
    AUTO_JSON json_t *result = json_object();
    cps_error error;
    int64_t id;

    worker_init(PROTO_PROMPT, CONFINE_LATER);
    if (worker_next(&request) <= 0)
        return EXIT_FAILURE;
    id = request.id;
    error = answer(&request, result, &fail);
    worker_request_done(&request); /* ends the pipe: what it holds is all there will be */
    if (error == CPS_OK)
        worker_reply(id, TAKE_PTR(result));
    else
        worker_fail(id, &fail);
    return EXIT_SUCCESS;
}
