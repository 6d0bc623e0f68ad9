/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt_text.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"

static bool is_english(const json_t *display)
{
    const char *lang = json_get_string(display, "lang");

    return lang != NULL && strncmp(lang, "en", 2) == 0;
}

static json_t *description(bool english, const char *name, const char *reader, int tries_left)
{
    if (english)
        return json_sprintf("%s\nCPS card in %s\n%s: %d", name, reader, "Tries left", tries_left);
    return json_sprintf("%s\nCarte CPS dans %s\n%s : %d", name, reader, "Essais restants",
                        tries_left);
}

json_t *prompt_text_pin(const json_t *display, const json_t *holder, const char *reader,
                        int tries_left, cps_error last_error)
{
    bool english = is_english(display);
    const char *name = json_get_string(holder, "name");
    const cps_error_text *error = last_error != CPS_OK ? cps_error_get_text(last_error) : NULL;
    json_t *params =
        json_pack("{s:s, s:o, s:s, s:s, s:s}", "title",
                  english ? "Health professional card" : "Carte de professionnel de santé",
                  "description", description(english, name != NULL ? name : "", reader, tries_left),
                  "prompt", english ? "PIN:" : "Code porteur :", "ok", english ? "OK" : "Valider",
                  "cancel", english ? "Cancel" : "Annuler");

    if (error != NULL)
        json_object_set_new(params, "error",
                            json_string(english ? error->message_en : error->message_fr));
    return params;
}

json_t *prompt_text_last_try(const json_t *display)
{
    bool english = is_english(display);

    return json_pack("{s:s, s:s, s:s, s:s}", "title", english ? "Last try" : "Dernier essai",
                     "description",
                     english ? "One try is left. A wrong PIN will block the card.\nTry it?"
                             : "Il reste un seul essai. Un code faux bloquera la carte.\n"
                               "Le tenter ?",
                     "ok", english ? "Try" : "Tenter", "cancel", english ? "Keep it" : "Renoncer");
}
