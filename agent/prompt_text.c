/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt_text.h"

#include <string.h>

#include "base/json.h"
#include "base/util.h"

static bool is_english(const json_t *display)
{
    const char *lang = json_get_string(display, "lang");

    return lang != NULL && strncmp(lang, "en", 2) == 0;
}

static const char *purpose_text(bool english, enum pin_purpose purpose)
{
    static const char *const texts[][2] = {
        [PIN_FOR_LOGIN] = {"Ouverture de session", "Login"},
        [PIN_FOR_AUTHENTICATION] = {"Authentification", "Authentication"},
        [PIN_FOR_SIGNATURE] = {"Signature", "Signature"},
        [PIN_FOR_DATA] = {"Lecture de données protégées", "Reading of protected data"},
        [PIN_FOR_STATEMENT] = {"Attestation contresignée par la carte",
                               "Statement counter-signed by the card"},
        [PIN_FOR_CHANGE] = {"Changement du code porteur", "Change of the PIN"},
    };

    return texts[purpose][english ? 1 : 0];
}

/* "Signature : program" and a line feed, or "". */
static json_t *asker_line(bool english, const struct pin_asker *asker)
{
    if (asker == NULL || asker->program == NULL)
        return json_string("");
    return json_sprintf(english ? "%s: %s\n" : "%s : %s\n", purpose_text(english, asker->purpose),
                        asker->program);
}

static json_t *tries_line(bool english, int tries_left)
{
    if (tries_left < 0)
        return json_string("");
    return json_sprintf(english ? "\nTries left: %d" : "\nEssais restants : %d", tries_left);
}

/* Who wants it, whose card, where, how many tries. */
static json_t *description(bool english, const struct pin_asker *asker,
                           const struct prompt_card *card)
{
    AUTO_JSON json_t *wanted = asker_line(english, asker);
    AUTO_JSON json_t *tries = tries_line(english, card->tries_left);
    const char *name = json_get_string(card->holder, "name");

    return json_sprintf(english ? "%s%s\nCPS card in %s%s" : "%s%s\nCarte CPS dans %s%s",
                        json_string_value(wanted), name != NULL ? name : "", card->reader,
                        json_string_value(tries));
}

static void set_error(json_t *params, bool english, cps_error code)
{
    const cps_error_text *text = code != CPS_OK ? cps_error_get_text(code) : NULL;

    if (text != NULL)
        json_object_set_new(params, "error",
                            json_string(english ? text->message_en : text->message_fr));
}

static json_t *card_params(bool english, const struct pin_asker *asker,
                           const struct prompt_card *card)
{
    json_t *params =
        json_pack("{s:s, s:o, s:s, s:s}", "title",
                  english ? "Health professional card" : "Carte de professionnel de santé",
                  "description", description(english, asker, card), "ok",
                  english ? "OK" : "Valider", "cancel", english ? "Cancel" : "Annuler");

    set_error(params, english, card->last_error);
    return params;
}

json_t *prompt_text_pin(const json_t *display, const struct pin_asker *asker,
                        const struct prompt_card *card)
{
    bool english = is_english(display);
    json_t *params = card_params(english, asker, card);

    json_object_set_new(params, "prompt", json_string(english ? "PIN:" : "Code porteur :"));
    return params;
}

json_t *prompt_text_change(const json_t *display, const struct prompt_card *card, bool unblock)
{
    static const struct {
        const char *key, *french, *english;
    } texts[] = {
        {"new", "Nouveau code porteur :", "New PIN:"},
        {"repeat", "Nouveau code, à nouveau :", "New PIN again:"},
        {"mismatch", "Les deux nouveaux codes diffèrent.", "The two new PINs differ."},
        {"same", "Le nouveau code est identique à l'ancien.",
         "The new PIN is the same as the old one."},
        {"weak", "Ce code est trop facile à deviner.", "This PIN is too easy to guess."},
        {"form", "Le code porteur doit avoir quatre chiffres.", "The PIN must have four digits."},
    };
    bool english = is_english(display);
    json_t *params = card_params(english, NULL, card);

    if (unblock)
        json_object_set_new(params, "current",
                            json_string(english ? "PUK:" : "Code de déblocage (PUK) :"));
    else
        json_object_set_new(params, "current",
                            json_string(english ? "Current PIN:" : "Code porteur actuel :"));
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_object_set_new(params, texts[i].key,
                            json_string(english ? texts[i].english : texts[i].french));
    json_object_set_new(params, "digits", json_integer(card->digits));
    return params;
}

json_t *prompt_text_pad(const json_t *display, const struct pin_asker *asker,
                        const struct prompt_card *card)
{
    bool english = is_english(display);
    json_t *params = card_params(english, asker, card);
    AUTO_JSON json_t *about = json_incref(json_object_get(params, "description"));
    const char *error = json_get_string(params, "error");

    /* A message has no line for errors. */
    json_object_set_new(params, "description",
                        json_sprintf("%s%s%s\n%s", error != NULL ? error : "",
                                     error != NULL ? "\n" : "", json_string_value(about),
                                     english
                                         ? "Type the PIN on the keys of the reader."
                                         : "Taper le code porteur sur les touches du lecteur."));
    json_object_del(params, "error");
    json_object_del(params, "ok");
    return params;
}

json_t *prompt_text_last_try(const json_t *display, bool puk)
{
    bool english = is_english(display);
    const char *text = english ? "One try is left. A wrong PIN will block the card.\nTry it?"
                               : "Il reste un seul essai. Un code faux bloquera la carte.\n"
                                 "Le tenter ?";

    if (puk)
        text = english ? "One try of the PUK is left. A wrong one will make the card useless for "
                         "good.\nTry it?"
                       : "Il reste un seul essai du PUK. Un PUK faux rendra la carte inutilisable "
                         "pour toujours.\nLe tenter ?";
    return json_pack("{s:s, s:s, s:s, s:s}", "title", english ? "Last try" : "Dernier essai",
                     "description", text, "ok", english ? "Try" : "Tenter", "cancel",
                     english ? "Keep it" : "Renoncer");
}

json_t *prompt_text_use(const json_t *display, const char *program, const json_t *holder)
{
    bool english = is_english(display);
    const char *name = json_get_string(holder, "name");

    if (program == NULL)
        program = english ? "a program that cannot be told" : "un programme inconnu";
    return json_pack(
        "{s:s, s:o, s:s, s:s}", "title", "Signature", "description",
        json_sprintf(english ? "%s\nasks for a signature with the card.\nHolder: %s\nSign?"
                             : "%s\ndemande une signature avec la carte.\nTitulaire : %s\nSigner ?",
                     program, name != NULL ? name : "?"),
        "ok", english ? "Sign" : "Signer", "cancel", english ? "Refuse" : "Refuser");
}
