/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/userinfo.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

/* Bounds of lists and texts; a real UserInfo stays far below. */
#define LIST_MAX   64
#define TEXT_MAX   512
#define NUMBER_MAX 1000000000L

static const char *const texts[] = {
    "sub",
    "SubjectNameID",
    "preferred_username",
    "name",
    "given_name",
    "family_name",
    "email",
    "SubjectOrganization",
    "SubjectOrganizationID",
    "Secteur_Activite",
    "Mode_Acces_Raison",
    "Acces_Regulation_Medicale",
    "UITVersion",
    "Palier_Authentification",
    "PSI_Locale",
    "authMode",
    "codeCivilite",
    "codeGenreActivite",
};

static void copy_text(json_t *to, const char *name, const json_t *value)
{
    const char *text = json_string_value(value);

    if (text != NULL && text[0] != '\0' && strlen(text) <= TEXT_MAX)
        json_object_set_new(to, name, json_string(text));
}

/* Every text member of an object: the reference data has some forty, all of them texts. */
static json_t *copy_texts(json_t *from)
{
    json_t *to = json_object();
    const char *name;
    json_t *value;

    json_object_foreach (from, name, value)
        copy_text(to, name, value);
    return to;
}

static json_t *copy_activities(json_t *list)
{
    json_t *activities = json_array();
    size_t i;
    json_t *activity;

    json_array_foreach (list, i, activity)
        if (json_is_object(activity) && i < LIST_MAX)
            json_array_append_new(activities, copy_texts(activity));
    return activities;
}

static json_t *copy_exercices(json_t *list)
{
    json_t *exercices = json_array();
    size_t i;
    json_t *exercice;

    json_array_foreach (list, i, exercice) {
        json_t *copy;

        if (!json_is_object(exercice) || i >= LIST_MAX)
            continue;
        copy = copy_texts(exercice);
        json_object_set_new(copy, "activities",
                            copy_activities(json_object_get(exercice, "activities")));
        json_array_append_new(exercices, copy);
    }
    return exercices;
}

static void copy_reference(json_t *to, json_t *reference)
{
    json_t *copy;

    if (!json_is_object(reference))
        return;
    copy = copy_texts(reference);
    json_object_set_new(copy, "exercices", copy_exercices(json_object_get(reference, "exercices")));
    json_object_set_new(to, "SubjectRefPro", copy);
}

/* One role as a text, or a list of them. */
static void copy_roles(json_t *to, const json_t *value)
{
    json_t *roles = json_array();
    size_t i;
    json_t *role;

    if (json_is_string(value) && json_string_length(value) > 0)
        json_array_append_new(roles, json_string(json_string_value(value)));
    json_array_foreach (value, i, role)
        if (json_is_string(role) && json_string_length(role) <= TEXT_MAX && i < LIST_MAX)
            json_array_append_new(roles, json_string(json_string_value(role)));
    json_object_set_new(to, "SubjectRole", roles);
}

/* 1 or "1"; -1 when it is neither. */
static json_int_t number_of(const json_t *value)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    long number;

    if (json_is_integer(value))
        return json_integer_value(value);
    number = text != NULL ? strtol(text, &end, 10) : -1;
    return text != NULL && end != text && *end == '\0' && number <= NUMBER_MAX ? number : -1;
}

static void copy_identifiers(json_t *to, const json_t *list)
{
    json_t *identifiers = json_array();
    size_t i;
    json_t *identifier;

    json_array_foreach (list, i, identifier) {
        json_int_t quality = number_of(json_object_get(identifier, "qualite"));
        json_t *copy;

        if (json_get_string(identifier, "identifiant") == NULL || i >= LIST_MAX)
            continue;
        copy = json_object();
        copy_text(copy, "identifiant", json_object_get(identifier, "identifiant"));
        copy_text(copy, "origine", json_object_get(identifier, "origine"));
        if (quality >= 0)
            json_object_set_new(copy, "qualite", json_integer(quality));
        json_array_append_new(identifiers, copy);
    }
    if (json_array_size(identifiers) > 0)
        json_object_set(to, "otherIds", identifiers);
    json_decref(identifiers);
}

static json_t *normalise(const json_t *raw)
{
    json_t *clean = json_object();
    const json_t *identifiers = json_object_get(raw, "otherIds");

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        copy_text(clean, texts[i], json_object_get(raw, texts[i]));
    if (json_is_boolean(json_object_get(raw, "email_verified")))
        json_object_set(clean, "email_verified", json_object_get(raw, "email_verified"));
    copy_roles(clean, json_object_get(raw, "SubjectRole"));
    copy_reference(clean, json_object_get(raw, "SubjectRefPro"));
    copy_identifiers(clean, identifiers != NULL ? identifiers : json_object_get(raw, "otherIDs"));
    return clean;
}

/* The person as a profile finds them. What it names no claim for is not known. */
static void copy_person(json_t *clean, const json_t *raw, const json_t *claims,
                        const struct profile *profile)
{
    const struct {
        const char *name;
        const char *claim;
    } members[] = {
        {"SubjectNameID", profile->claim_national_id},
        {"given_name", profile->claim_given_name},
        {"family_name", profile->claim_family_name},
    };

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *claim = members[i].claim;
        const json_t *value = claim != NULL ? json_object_get(claims, claim) : NULL;

        if (value == NULL && claim != NULL)
            value = json_object_get(raw, claim);
        json_object_del(clean, members[i].name);
        copy_text(clean, members[i].name, value);
    }
    if (json_object_get(clean, "name") == NULL)
        copy_text(clean, "name", json_object_get(claims, "name"));
}

cps_error userinfo_read(const json_t *raw, const json_t *claims, const struct profile *profile,
                        json_t **ret_userinfo, struct fail *fail)
{
    AUTO_JSON json_t *clean = NULL;
    const char *its_sub = json_get_string(raw, "sub");
    const char *sub = json_get_string(claims, "sub");

    if (its_sub == NULL || sub == NULL || strcmp(its_sub, sub) != 0)
        return fail_reason(fail, CPS_ID_TOKEN_REJECTED, "userinfo_sub",
                           "UserInfo is about another subject than the ID token");
    clean = normalise(raw);
    if (!profile->psc)
        copy_person(clean, raw, claims, profile);
    if (json_dumpb(clean, NULL, 0, JSON_COMPACT) > USERINFO_MAX)
        return fail_reason(fail, CPS_PROVIDER_ANSWER, "userinfo_size", "UserInfo is too large");
    *ret_userinfo = TAKE_PTR(clean);
    return CPS_OK;
}
