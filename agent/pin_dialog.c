/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pin_dialog.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "agent/child.h"
#include "agent/prompter.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"

/* Answers that can be no code before the dialogue is given up: they cost the card nothing, but a
 * pinentry that is broken would be asked for ever. */
#define INVALID_MAX 10

enum step { STEP_TRIES, STEP_LAST_TRY, STEP_ASKING, STEP_CARD, STEP_PAD };

static const struct kind {
    const char *op;     /* of cps-cardop */
    const char *prompt; /* op of cps-prompt */
    const char *code;   /* the one that is presented: its tries count */
    cps_error wrong;
    cps_error blocked;
    bool pad; /* may be typed on the reader */
} kinds[] = {
    [PIN_DIALOG_VERIFY] = {"verify", "pin", "pin", CPS_PIN_WRONG, CPS_PIN_BLOCKED, true},
    [PIN_DIALOG_CHANGE] = {"change_pin", "change", "pin", CPS_PIN_WRONG, CPS_PIN_BLOCKED, true},
    [PIN_DIALOG_UNBLOCK] = {"unblock_pin", "change", "puk", CPS_PUK_WRONG, CPS_PUK_BLOCKED, false},
};

struct pin_dialog {
    struct agent *agent;
    struct card *card;
    const struct kind *kind;
    struct pin_asker asker;
    char *program;
    json_t *display;
    const struct pin_dialog_class *class;
    void *user;
    enum step step;
    struct call *call;
    struct prompt *prompt;
    int pipe; /* read end; only cardop reads it */
    int tries_left;
    bool last_try_confirmed;
    unsigned invalid;     /* answers that could be no code */
    cps_error last_error; /* why the code is asked again */
};

static void enter(struct pin_dialog *dialog, enum step step);

static void dialog_free(struct pin_dialog *dialog)
{
    call_forget(dialog->call);
    prompt_cancel(dialog->prompt);
    if (dialog->pipe >= 0)
        close(dialog->pipe);
    json_decref(dialog->display);
    free(dialog->program);
    free(dialog);
}

/* A reader that waits for keys can only be left by the end of the process that asked it. */
void pin_dialog_cancel(struct pin_dialog *dialog)
{
    if (dialog == NULL)
        return;
    if (dialog->step == STEP_PAD && dialog->call != NULL)
        card_restart(dialog->card);
    dialog_free(dialog);
}

static void finish(struct pin_dialog *dialog, const struct fail *fail)
{
    const struct pin_dialog_class *class = dialog->class;
    void *user = dialog->user;

    dialog_free(dialog);
    class->done(user, fail);
}

static void finish_with(struct pin_dialog *dialog, cps_error code, int tries_left, const char *why)
{
    struct fail fail;

    fail_set(&fail, code, "%s", why);
    fail.tries_left = tries_left;
    finish(dialog, &fail);
}

static bool about_pin(const struct pin_dialog *dialog)
{
    return strcmp(dialog->kind->code, "pin") == 0;
}

static bool on_pad(const struct pin_dialog *dialog)
{
    return dialog->kind->pad && card_pin_pad(dialog->card);
}

static void on_tries(void *user, json_t *result, const struct fail *fail)
{
    struct pin_dialog *dialog = user;

    dialog->call = NULL;
    if (fail != NULL) {
        finish(dialog, fail);
        return;
    }
    if (!json_is_boolean(json_object_get(result, "blocked"))) {
        finish_with(dialog, CPS_COMPONENT_FAILED, -1, PROTO_CARDOP ": answer out of shape");
        return;
    }
    dialog->tries_left = (int)json_get_int(result, "tries_left", -1);
    if (about_pin(dialog))
        card_note_pin(dialog->card, dialog->tries_left);
    if (json_get_bool(result, "blocked", false) || dialog->tries_left == 0)
        finish_with(dialog, dialog->kind->blocked, 0, "no try is left");
    else if (dialog->tries_left == 1 && !dialog->last_try_confirmed)
        enter(dialog, STEP_LAST_TRY);
    else
        enter(dialog, on_pad(dialog) ? STEP_PAD : STEP_ASKING);
}

static void on_last_try(void *user, json_t *result, const struct fail *fail)
{
    struct pin_dialog *dialog = user;

    dialog->prompt = NULL;
    if (fail != NULL) {
        finish(dialog, fail);
    } else if (!json_get_bool(result, "confirmed", false)) {
        finish_with(dialog, CPS_PIN_LAST_TRY, 1, "the user kept the last try");
    } else {
        dialog->last_try_confirmed = true;
        enter(dialog, on_pad(dialog) ? STEP_PAD : STEP_ASKING);
    }
}

static void on_typed(void *user, json_t *result, const struct fail *fail)
{
    struct pin_dialog *dialog = user;

    (void)result;
    dialog->prompt = NULL;
    if (fail == NULL) {
        enter(dialog, STEP_CARD);
    } else if (fail->code == CPS_PIN_INVALID && ++dialog->invalid < INVALID_MAX) {
        /* nothing was typed */
        dialog->last_error = fail->code;
        enter(dialog, STEP_ASKING);
    } else {
        finish(dialog, fail);
    }
}

/* The user closed the message: the reader must stop waiting for keys as well. */
static void on_message_closed(void *user, json_t *result, const struct fail *fail)
{
    struct pin_dialog *dialog = user;
    struct fail cancelled;

    (void)result;
    dialog->prompt = NULL;
    if (fail != NULL && fail->code != CPS_PROMPT_CANCELLED)
        return; /* no way to say so on the screen: the reader's own display and keys are there */
    fail_set(&cancelled, CPS_PROMPT_CANCELLED, "the user closed the message");
    card_restart(dialog->card);
    finish(dialog, &cancelled);
}

static bool asks_again(struct pin_dialog *dialog, const struct fail *fail)
{
    if (fail->code == CPS_PIN_INVALID)
        return ++dialog->invalid < INVALID_MAX;
    if (fail->code == dialog->kind->wrong)
        return fail->tries_left != 0;
    return fail->code == CPS_PIN_LAST_TRY && !dialog->last_try_confirmed;
}

static void on_card(void *user, json_t *result, const struct fail *fail)
{
    struct pin_dialog *dialog = user;
    struct fail wrong;

    dialog->call = NULL;
    prompt_cancel(TAKE_PTR(dialog->prompt));
    if (fail == NULL && !json_is_integer(json_object_get(result, "tries_left"))) {
        fail_set(&wrong, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_CARDOP);
        fail = &wrong;
    }
    if (fail == NULL) {
        card_note_pin(dialog->card, (int)json_get_int(result, "tries_left", -1));
        finish(dialog, NULL);
        return;
    }
    if (about_pin(dialog))
        card_note_pin(dialog->card, fail->tries_left);
    if (fail->code != CPS_PIN_LAST_TRY)
        dialog->last_error = fail->code;
    if (asks_again(dialog, fail))
        enter(dialog, STEP_TRIES);
    else
        finish(dialog, fail);
}

static struct prompt_card described(const struct pin_dialog *dialog)
{
    return (struct prompt_card){.holder = card_holder(dialog->card),
                                .reader = card_reader(dialog->card),
                                .tries_left = dialog->tries_left,
                                .digits = card_pin_digits(dialog->card),
                                .last_error = dialog->last_error};
}

/* One end of a new pipe for the prompt, the other for cardop: nothing of it is read here. */
static void ask(struct pin_dialog *dialog)
{
    struct prompt_card card = described(dialog);
    AUTO_CLOSE int write_end = -1;
    int ends[2];
    json_t *texts;

    if (pipe2(ends, O_CLOEXEC) < 0) {
        finish_with(dialog, CPS_INTERNAL, -1, "no pipe for the PIN");
        return;
    }
    if (dialog->pipe >= 0)
        close(dialog->pipe);
    dialog->pipe = ends[0];
    write_end = ends[1];
    texts = dialog->kind == &kinds[PIN_DIALOG_VERIFY]
                ? prompt_text_pin(dialog->display, &dialog->asker, &card)
                : prompt_text_change(dialog->display, &card, !about_pin(dialog));
    dialog->prompt = prompt_ask(dialog->agent, dialog->kind->prompt, texts, dialog->display,
                                write_end, on_typed, dialog);
}

/* The message stays on the screen until the reader has answered. */
static void ask_on_pad(struct pin_dialog *dialog)
{
    struct prompt_card card = described(dialog);

    dialog->prompt = prompt_ask(dialog->agent, "message",
                                prompt_text_pad(dialog->display, &dialog->asker, &card),
                                dialog->display, -1, on_message_closed, dialog);
    dialog->call = card_call_for(
        dialog->card, dialog->kind->op,
        json_pack("{s:b, s:b}", "last_try", dialog->last_try_confirmed, "pin_pad", true), -1,
        PIN_PAD_TIMEOUT_MS, on_card, dialog);
}

static void announce(const struct pin_dialog *dialog)
{
    static const char *const names[] = {
        [STEP_LAST_TRY] = "last_try", [STEP_ASKING] = "pin", [STEP_PAD] = "pin_pad"};
    const char *name = dialog->step < sizeof names / sizeof names[0] ? names[dialog->step] : NULL;

    if (dialog->step == STEP_ASKING)
        name = dialog->kind->code;
    if (name != NULL)
        dialog->class->progress(dialog->user, name, dialog->tries_left);
}

/* The transition function: every step is entered here, and only the callbacks above call it. */
static void enter(struct pin_dialog *dialog, enum step step)
{
    dialog->step = step;
    announce(dialog);
    switch (step) {
    case STEP_TRIES:
        dialog->call =
            card_call(dialog->card, "pin_status", json_pack("{s:s}", "code", dialog->kind->code),
                      -1, on_tries, dialog);
        break;
    case STEP_LAST_TRY:
        dialog->prompt = prompt_ask(dialog->agent, "confirm",
                                    prompt_text_last_try(dialog->display, !about_pin(dialog)),
                                    dialog->display, -1, on_last_try, dialog);
        break;
    case STEP_ASKING:
        ask(dialog);
        break;
    case STEP_CARD:
        dialog->call = card_call(dialog->card, dialog->kind->op,
                                 json_pack("{s:b}", "last_try", dialog->last_try_confirmed),
                                 dialog->pipe, on_card, dialog);
        close(TAKE_FD(dialog->pipe));
        break;
    case STEP_PAD:
        ask_on_pad(dialog);
        break;
    }
}

struct pin_dialog *pin_dialog_start(struct agent *agent, struct card *card,
                                    enum pin_dialog_kind kind, const struct pin_asker *asker,
                                    json_t *display, const struct pin_dialog_class *class,
                                    void *user)
{
    struct pin_dialog *dialog = calloc(1, sizeof *dialog);

    if (dialog == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *dialog = (struct pin_dialog){.agent = agent,
                                  .card = card,
                                  .kind = &kinds[kind],
                                  .asker = *asker,
                                  .program = asker->program != NULL ? strdup(asker->program) : NULL,
                                  .display = json_incref(display),
                                  .class = class,
                                  .user = user,
                                  .pipe = -1,
                                  .tries_left = -1};
    dialog->asker.program = dialog->program;
    enter(dialog, STEP_TRIES);
    return dialog;
}
