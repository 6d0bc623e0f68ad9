/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/practice.h"

#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "base/json.h"
#include "base/text.h"
#include "base/util.h"

struct practice {
    json_t *situations; /* schema Practice */
    int64_t chosen;     /* a number of the list, or 0 */
    cps_error error;    /* why the list could not be read */
};

static struct practice *practice_new(json_t *situations, cps_error error)
{
    struct practice *practice = calloc(1, sizeof *practice);

    if (practice == NULL) {
        json_decref(situations);
        return NULL;
    }
    practice->situations = situations;
    practice->error = error;
    return practice;
}

void practice_free(struct practice *practice)
{
    if (practice == NULL)
        return;
    json_decref(practice->situations);
    free(practice);
}

static void copy_text(json_t *to, const char *key, const json_t *from, const char *from_key)
{
    const char *text = json_get_string(from, from_key);

    if (text_is_plain(text, IDENTITY_TEXT_MAX))
        json_object_set_new(to, key, json_string(text));
}

static json_t *find(const json_t *situations, int64_t number)
{
    json_t *situation;
    size_t i;

    json_array_foreach (situations, i, situation)
        if (json_get_int(situation, "number", 0) == number)
            return situation;
    return NULL;
}

static json_t *read_situation(const json_t *from)
{
    int64_t number = json_get_int(from, "number", 0);
    const char *raw = json_get_string(from, "raw");
    json_t *situation;

    if (number < 1 || number > INT32_MAX)
        return NULL;
    situation = json_pack("{s:I, s:s*}", "number", (json_int_t)number, "raw", raw);
    copy_text(situation, "structure_name", from, "structure_name");
    copy_text(situation, "structure_id", from, "structure_id");
    copy_text(situation, "sector", from, "sector");
    return situation;
}

struct practice *practice_from_card(const json_t *result, const struct fail *fail)
{
    json_t *situations = json_array();
    const json_t *item;
    size_t i;

    json_array_foreach (json_get_array(result, "situations"), i, item) {
        AUTO_JSON json_t *situation = read_situation(item);

        if (situation != NULL && json_array_size(situations) < PRACTICE_MAX &&
            find(situations, json_get_int(situation, "number", 0)) == NULL)
            json_array_append(situations, situation);
    }
    return practice_new(situations, fail != NULL ? fail->code : CPS_OK);
}

/* A provider has several identifiers for one structure: the first known, with its name there. */
static void copy_structure(json_t *situation, const json_t *activity)
{
    static const char *const names[] = {"raisonSocialeSite", "enseigneCommercialeSite"};
    static const char *const ids[] = {"identifiantTechniqueDeLaStructure", "numeroFinessSite",
                                      "numeroSiretSite"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (json_object_get(situation, "structure_name") == NULL)
            copy_text(situation, "structure_name", activity, names[i]);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        if (json_object_get(situation, "structure_id") != NULL)
            return;
        copy_text(situation, "structure_id", activity, ids[i]);
        if (json_object_get(situation, "structure_id") != NULL)
            json_object_set_new(situation, "structure_id_type", json_string(ids[i]));
    }
}

static void add_activities(json_t *situations, const json_t *exercice)
{
    const json_t *activity;
    size_t i;

    json_array_foreach (json_get_array(exercice, "activities"), i, activity) {
        size_t n = json_array_size(situations);
        json_t *situation;

        if (!json_is_object(activity) || n == PRACTICE_MAX)
            continue;
        situation = json_pack("{s:I}", "number", (json_int_t)n + 1);
        copy_structure(situation, activity);
        copy_text(situation, "sector", activity, "codeSecteurDactivite");
        copy_text(situation, "profession_code", exercice, "codeProfession");
        copy_text(situation, "speciality", exercice, "codeSavoirFaire");
        copy_text(situation, "exercise_mode", activity, "codeModeExercice");
        json_array_append_new(situations, situation);
    }
}

struct practice *practice_from_userinfo(const json_t *userinfo)
{
    const json_t *reference = json_get_object(userinfo, "SubjectRefPro");
    json_t *situations = json_array();
    const json_t *exercice;
    size_t i;

    json_array_foreach (json_get_array(reference, "exercices"), i, exercice)
        add_activities(situations, exercice);
    return practice_new(situations, CPS_OK);
}

/*
 * What the card or the provider says of it, but for its number: a situation that has moved is the
 * same one, and another one under an old number is not.
 */
static char *fingerprint(json_t *situation)
{
    const char *raw = json_get_string(situation, "raw");
    AUTO_JSON json_t *copy = NULL;

    if (raw != NULL)
        return strdup(raw);
    copy = json_copy(situation);
    json_object_del(copy, "number");
    return json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
}

char *practice_fingerprint(const struct practice *practice)
{
    json_t *situation = practice != NULL ? find(practice->situations, practice->chosen) : NULL;

    return situation != NULL ? fingerprint(situation) : NULL;
}

bool practice_is_remembered(const struct practice *practice, const struct practice_memory *memory,
                            const char *subject)
{
    AUTO_FREE char *print = practice_fingerprint(practice);

    return practice_memory_holds(memory, subject, print);
}

void practice_recall(struct practice *practice, const struct practice_memory *memory,
                     const char *subject)
{
    json_t *situation;
    size_t i;

    if (practice == NULL)
        return;
    practice->chosen = 0;
    if (json_array_size(practice->situations) == 1)
        practice->chosen = json_get_int(json_array_get(practice->situations, 0), "number", 0);
    json_array_foreach (practice->situations, i, situation) {
        AUTO_FREE char *print = fingerprint(situation);

        if (practice->chosen == 0 && practice_memory_holds(memory, subject, print))
            practice->chosen = json_get_int(situation, "number", 0);
    }
}

cps_error practice_choose(struct practice *practice, int64_t number, struct fail *fail)
{
    if (practice == NULL || find(practice->situations, number) == NULL)
        return fail_set(fail, CPS_PRACTICE_UNKNOWN, "no situation has this number");
    practice->chosen = number;
    return CPS_OK;
}

json_t *practice_chosen(const struct practice *practice)
{
    json_t *situation = practice != NULL ? find(practice->situations, practice->chosen) : NULL;
    json_t *chosen;

    if (situation == NULL)
        return json_null();
    chosen = json_copy(situation);
    json_object_del(chosen, "raw");
    return chosen;
}

bool practice_choice_needed(const struct practice *practice)
{
    return practice != NULL && practice->chosen == 0 && json_array_size(practice->situations) > 1;
}

json_t *practice_json(const struct practice *practice)
{
    json_t *json = json_pack(
        "{s:o, s:o, s:b}", "situations",
        practice != NULL ? json_incref(practice->situations) : json_array(), "chosen",
        practice != NULL && practice->chosen != 0 ? json_integer(practice->chosen) : json_null(),
        "choice_needed", practice_choice_needed(practice));

    if (practice != NULL && practice->error != CPS_OK)
        json_object_set_new(json, "error", json_string(cps_error_name(practice->error)));
    return json;
}
