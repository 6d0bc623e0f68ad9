/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/digits.h"
#include "agent/cpsctl/screen.h"
#include "agent/cpsctl/text.h"
#include "agent/terminal.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

static void erase(struct progress *progress)
{
    screen_erase();
    progress->drawn = false;
}

static void draw(struct progress *progress)
{
    char left[64] = "";

    erase(progress);
    if (progress->text[0] == '\0')
        return;
    if (progress->asking) { /* a dialogue on this terminal begins on a line of its own */
        fprintf(stderr, "%s\n", progress->text);
    } else {
        if (progress->expires_ms != CLOCK_NEVER)
            snprintf(left, sizeof left, _(" — %d s restantes"),
                     clock_left_ms(progress->expires_ms) / 1000);
        screen_draw(progress->text, left);
    }
    progress->drawn = !progress->asking;
}

/* The seconds left go down; a dialogue that took the terminal over must not be drawn over. */
static void on_tick(void *user)
{
    struct progress *progress = user;

    if (progress->drawn && progress->expires_ms != CLOCK_NEVER)
        draw(progress);
}

static void show_phone(struct progress *progress, const json_t *params)
{
    const char *digits = json_get_string(params, "digits");

    if (digits != NULL && strcmp(digits, progress->digits) != 0) {
        snprintf(progress->digits, sizeof progress->digits, "%s", digits);
        erase(progress);
        text_line(stderr, _("Nombre à choisir sur le téléphone : %s"), digits);
        if (progress->terminal)
            digits_draw(stderr, digits);
    }
    snprintf(progress->text, sizeof progress->text, "%s",
             _("En attente du téléphone (application e-CPS)"));
}

/* The address, long as it is, only for whom the browser could not be opened. */
static void show_browser(struct progress *progress, const json_t *params)
{
    const char *url = json_get_string(params, "url");
    const json_t *opened = json_object_get(params, "opened");

    if (url != NULL && json_is_false(opened)) {
        erase(progress);
        text_line(stderr, _("Le navigateur n'a pas pu être ouvert. Page à ouvrir : %s"), url);
    }
    snprintf(progress->text, sizeof progress->text, "%s",
             opened == NULL ? _("Ouverture du navigateur")
                            : _("Connexion à terminer dans le navigateur"));
}

static void show_pin(struct progress *progress, const json_t *params)
{
    int64_t tries = json_get_int(params, "tries_left", -1);

    if (tries >= 0)
        snprintf(progress->text, sizeof progress->text, _("Code porteur demandé (essais : %lld)"),
                 (long long)tries);
    else
        snprintf(progress->text, sizeof progress->text, "%s", _("Code porteur demandé"));
}

static void show_puk(struct progress *progress, const json_t *params)
{
    int64_t tries = json_get_int(params, "tries_left", -1);

    if (tries >= 0)
        snprintf(progress->text, sizeof progress->text,
                 _("Code de déblocage (PUK) demandé (essais : %lld)"), (long long)tries);
    else
        snprintf(progress->text, sizeof progress->text, "%s", _("Code de déblocage (PUK) demandé"));
}

static void show_state(struct progress *progress, const char *state, const json_t *params)
{
    const char *text = NULL;

    if (strcmp(state, "phone") == 0)
        show_phone(progress, params);
    else if (strcmp(state, "browser") == 0)
        show_browser(progress, params);
    else if (strcmp(state, "pin") == 0)
        show_pin(progress, params);
    else if (strcmp(state, "puk") == 0)
        show_puk(progress, params);
    else if (strcmp(state, "pin_pad") == 0)
        text = _("Code porteur à taper sur le lecteur");
    else if (strcmp(state, "reading") == 0)
        text = _("Lecture de la carte");
    else if (strcmp(state, "last_try") == 0)
        text = _("Dernier essai : confirmation demandée");
    else if (strcmp(state, "proving") == 0)
        text = _("Vérification de la carte");
    else if (strcmp(state, "practice") == 0)
        text = _("Lecture des situations d'exercice");
    else if (strcmp(state, "provider") == 0)
        text = _("Appel de Pro Santé Connect");
    if (text != NULL)
        snprintf(progress->text, sizeof progress->text, "%s", text);
}

static void on_progress(void *user, const char *method, const char *text)
{
    struct progress *progress = user;
    AUTO_JSON json_t *params = json_parse_strict(text, strlen(text));
    const char *state = json_get_string(params, "state");
    int64_t left_s = json_get_int(params, "expires_in_s", -1);
    char before[sizeof progress->text];

    if (strcmp(method, "progress") != 0 || state == NULL)
        return;
    progress->asking = strcmp(state, "pin") == 0 || strcmp(state, "puk") == 0 ||
                       strcmp(state, "pin_pad") == 0 || strcmp(state, "last_try") == 0;
    progress->expires_ms = left_s >= 0 ? clock_boot_ms() + left_s * 1000 : CLOCK_NEVER;
    memcpy(before, progress->text, sizeof before);
    show_state(progress, state, params);
    if (progress->terminal)
        draw(progress);
    else if (strcmp(before, progress->text) != 0)
        fprintf(stderr, "%s\n", progress->text);
}

/* Shows the progress notifications of a connection until end(). */
static void begin(struct progress *progress, cps_agent *agent)
{
    *progress = (struct progress){.terminal = screen_can_redraw(), .expires_ms = CLOCK_NEVER};
    progress->tty = -1;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && progress->tty < 0; fd++)
        if (tcgetattr(fd, &progress->settings) == 0)
            progress->tty = fd;
    cps_agent_on_notification(agent, on_progress, progress);
    cps_agent_on_tick(agent, on_tick, progress);
}

/*
 * A pinentry on this terminal that was killed has restored nothing: neither the settings of the
 * terminal, nor its main screen, cursor and keypad mode. cps-prompt does it, unless it was killed
 * too.
 */
static void recover_terminal(const struct progress *progress)
{
    struct termios now;

    if (tcgetattr(progress->tty, &now) < 0 || now.c_lflag == progress->settings.c_lflag)
        return;
    (void)tcsetattr(progress->tty, TCSANOW, &progress->settings);
    if (progress->terminal)
        fputs(TERMINAL_RESTORE, stderr);
}

/* Clears the line and gives the terminal back as it was. */
static void end(struct progress *progress, cps_agent *agent)
{
    cps_agent_on_notification(agent, NULL, NULL);
    cps_agent_on_tick(agent, NULL, NULL);
    if (progress->tty >= 0 && progress->asking)
        recover_terminal(progress);
    erase(progress);
}

int progress_call(struct cpsctl *ctl, const char *method, json_t *params, int timeout_ms,
                  json_t **ret_result)
{
    struct progress progress;
    int status = cpsctl_connect(ctl);

    if (status != EXIT_DONE) {
        json_decref(params);
        return status;
    }
    begin(&progress, ctl->agent);
    status = cpsctl_call(ctl, method, params, timeout_ms, ret_result);
    end(&progress, ctl->agent);
    return status;
}
