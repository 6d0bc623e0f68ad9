/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompter.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"

/* How long a question may stay on the screen, and how much later the process is killed. */
#define TIMEOUT_DEFAULT_S 60
#define GRACE_MS          2000
#define BROWSE_TIMEOUT_MS 15000
#define CHANGE_QUESTIONS  5

struct prompt {
    struct prompt *next;
    struct agent *agent;
    char *op;
    json_t *params;
    int fd;
    bool asks; /* occupies the screen: only one of these runs at a time */
    struct child *child;
    sd_event_source *not_started; /* tells of the failure once prompt_ask() has returned */
    struct fail fail;
    call_done done;
    void *user;
};

/* Oldest first; the first that asks is the one on the screen. */
static struct prompt *prompts;

static void start_next(void);

static void unlink_prompt(struct prompt *prompt)
{
    for (struct prompt **at = &prompts; *at != NULL; at = &(*at)->next)
        if (*at == prompt) {
            *at = prompt->next;
            break;
        }
}

static void prompt_free(struct prompt *prompt)
{
    child_free(prompt->child);
    sd_event_source_disable_unref(prompt->not_started);
    json_decref(prompt->params);
    if (prompt->fd >= 0)
        close(prompt->fd);
    free(prompt->op);
    free(prompt);
}

/* The question is over: the next one may have the screen, then the owner is told. */
static void finish(struct prompt *prompt, json_t *result, const struct fail *fail)
{
    call_done done = prompt->done;
    void *user = prompt->user;
    AUTO_JSON json_t *kept = json_incref(result);

    unlink_prompt(prompt);
    prompt_free(prompt);
    start_next();
    done(user, kept, fail);
}

static void on_answer(void *user, json_t *result, const struct fail *fail)
{
    finish(user, result, fail);
}

static void on_prompt_exit(void *user)
{
    struct fail fail;

    fail_set(&fail, CPS_COMPONENT_FAILED, "%s stopped", PROTO_PROMPT);
    finish(user, NULL, &fail);
}

static const struct child_class prompt_class = {
    .program = PROTO_PROMPT,
    .in_flight = 1,
    .on_exit = on_prompt_exit,
};

static int on_not_started(sd_event_source *source, void *user)
{
    struct prompt *prompt = user;
    struct fail fail = prompt->fail;

    (void)source;
    finish(prompt, NULL, &fail);
    return 0;
}

/* A change asks three questions, and more when the new PIN will not do. */
static int64_t questions(const struct prompt *prompt)
{
    return strcmp(prompt->op, "change") == 0 ? CHANGE_QUESTIONS : 1;
}

static void start(struct prompt *prompt)
{
    int64_t timeout_ms = json_get_int(prompt->params, "timeout_ms", BROWSE_TIMEOUT_MS);

    prompt->child = child_start(prompt->agent, &prompt_class, prompt, &prompt->fail);
    if (prompt->child == NULL) {
        (void)sd_event_add_defer(prompt->agent->event, &prompt->not_started, on_not_started,
                                 prompt);
        return;
    }
    child_call(prompt->child, prompt->op, TAKE_PTR(prompt->params), prompt->fd,
               questions(prompt) * timeout_ms + GRACE_MS, on_answer, NULL, prompt);
    /* The child has its own: the reader must see the end when the child lets go. */
    if (prompt->fd >= 0)
        close(TAKE_FD(prompt->fd));
}

static void start_next(void)
{
    for (struct prompt *prompt = prompts; prompt != NULL; prompt = prompt->next)
        if (prompt->asks) {
            if (prompt->child == NULL && prompt->not_started == NULL)
                start(prompt);
            return;
        }
}

static struct prompt *prompt_new(struct agent *agent, const char *op, json_t *params,
                                 json_t *display, call_done done, void *user)
{
    struct prompt *prompt = calloc(1, sizeof *prompt);
    struct prompt **end = &prompts;

    if (prompt == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    if (display != NULL)
        json_object_set(params, "display", display);
    *prompt = (struct prompt){
        .agent = agent, .op = strdup(op), .params = params, .fd = -1, .done = done, .user = user};
    while (*end != NULL)
        end = &(*end)->next;
    *end = prompt;
    return prompt;
}

struct prompt *prompt_ask(struct agent *agent, const char *op, json_t *params, json_t *display,
                          int pass_fd, call_done done, void *user)
{
    struct prompt *prompt = prompt_new(agent, op, params, display, done, user);
    int64_t timeout_s = config_int(agent->config, "prompt", "timeout_s", TIMEOUT_DEFAULT_S);
    const char *program = config_string(agent->config, "prompt", "pinentry", "pinentry");

    json_object_set_new(params, "timeout_ms", json_integer(timeout_s * 1000));
    json_object_set_new(params, "program", json_string(program));
    prompt->asks = true;
    if (pass_fd >= 0)
        prompt->fd = fcntl(pass_fd, F_DUPFD_CLOEXEC, 0);
    start_next();
    return prompt;
}

struct prompt *prompt_browse(struct agent *agent, const char *url, json_t *display, call_done done,
                             void *user)
{
    char **command = config_list(agent->config, "browser", "command");
    json_t *list = json_array();
    struct prompt *prompt;

    for (size_t i = 0; command != NULL && command[i] != NULL; i++)
        json_array_append_new(list, json_string(command[i]));
    config_list_free(command);
    if (json_array_size(list) == 0) {
        json_array_append_new(list, json_string("xdg-open"));
        json_array_append_new(list, json_string("{url}"));
    }
    prompt = prompt_new(agent, "browse", json_pack("{s:s, s:o}", "url", url, "command", list),
                        display, done, user);
    start(prompt);
    return prompt;
}

void prompt_cancel(struct prompt *prompt)
{
    if (prompt == NULL)
        return;
    unlink_prompt(prompt);
    prompt_free(prompt);
    start_next();
}
