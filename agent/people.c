/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/people.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "agent/national_id.h"
#include "base/config.h"
#include "base/json.h"
#include "base/text.h"
#include "base/util.h"

#define SECTION "person"

static const struct config_key keys[] = {
    {SECTION, "card", CONFIG_STRING, 0, 0},        {SECTION, "common_name", CONFIG_STRING, 0, 0},
    {SECTION, "family_name", CONFIG_STRING, 0, 0}, {SECTION, "given_name", CONFIG_STRING, 0, 0},
    {SECTION, "national_id", CONFIG_STRING, 0, 0}, {SECTION, "internal_id", CONFIG_STRING, 0, 0},
    {SECTION, "profession", CONFIG_STRING, 0, 0},  {0},
};

/* Members of the holder that a file gives. */
static const char *const members[] = {"family_name", "given_name", "internal_id", "profession"};

struct person {
    char *card;        /* serial number, or NULL */
    char *common_name; /* of its certificate, or NULL */
    json_t *holder;
};

struct people {
    struct person list[PEOPLE_MAX];
    size_t n;
};

void people_free(struct people *people)
{
    if (people == NULL)
        return;
    for (size_t i = 0; i < people->n; i++) {
        free(people->list[i].card);
        free(people->list[i].common_name);
        json_decref(people->list[i].holder);
    }
    free(people);
}

static const char *value_of(const struct config *config, const char *key)
{
    return config_string(config, SECTION, key, NULL);
}

static cps_error refuse(struct fail *fail, const char *path, const char *why)
{
    return fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, why);
}

/* The people of one site are few: names and identifiers are compared one by one. */
static const struct person *find(const struct people *people, const char *card,
                                 const char *common_name)
{
    for (size_t i = 0; card != NULL && i < people->n; i++)
        if (people->list[i].card != NULL && strcmp(people->list[i].card, card) == 0)
            return &people->list[i];
    for (size_t i = 0; common_name != NULL && i < people->n; i++)
        if (people->list[i].common_name != NULL &&
            strcmp(people->list[i].common_name, common_name) == 0)
            return &people->list[i];
    return NULL;
}

/* One of the two identifiers is what statements call the person. */
static cps_error add_identifier(json_t *holder, const struct config *config, const char *path,
                                struct fail *fail)
{
    const char *national = value_of(config, "national_id");
    char id[NATIONAL_ID_MAX + 1];

    if (national == NULL && value_of(config, "internal_id") == NULL)
        return refuse(fail, path, "national_id or internal_id is needed");
    if (national == NULL)
        return CPS_OK;
    if (!national_id_normalise(national, id))
        return refuse(fail, path, "national_id: not a national identifier");
    json_object_set_new(holder, "national_id", json_string(id));
    if (national_id_type(id) != NULL)
        json_object_set_new(holder, "national_id_type", json_string(national_id_type(id)));
    return CPS_OK;
}

static cps_error make_holder(const struct config *config, const char *path, json_t **ret_holder,
                             struct fail *fail)
{
    AUTO_JSON json_t *holder = json_pack("{s:s}", "source", "mapping");
    const char *family = value_of(config, "family_name");
    const char *given = value_of(config, "given_name");

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *value = value_of(config, members[i]);

        if (value == NULL)
            continue;
        if (!text_is_plain(value, IDENTITY_TEXT_MAX))
            return refuse(fail, path, "a value is empty, too long, or not plain text");
        json_object_set_new(holder, members[i], json_string(value));
    }
    if (family == NULL)
        return refuse(fail, path, "family_name is needed");
    json_object_set_new(holder, "name",
                        given != NULL ? json_sprintf("%s %s", given, family) : json_string(family));
    if (add_identifier(holder, config, path, fail) != CPS_OK)
        return fail->code;
    *ret_holder = TAKE_PTR(holder);
    return CPS_OK;
}

static cps_error load_person(struct people *people, const char *path, struct fail *fail)
{
    AUTO_CONFIG struct config *config = NULL;
    struct person *person = &people->list[people->n];
    const char *card, *common_name;

    if (config_load(path, keys, false, &config, fail) != CPS_OK)
        return fail->code;
    card = value_of(config, "card");
    common_name = value_of(config, "common_name");
    if (people->n == PEOPLE_MAX)
        return refuse(fail, path, "too many people");
    if ((card == NULL) == (common_name == NULL) ||
        !text_is_plain(card != NULL ? card : common_name, IDENTITY_TEXT_MAX))
        return refuse(fail, path, "either card or common_name is needed");
    if (find(people, card, common_name) != NULL)
        return refuse(fail, path, "this card is another person's already");
    if (make_holder(config, path, &person->holder, fail) != CPS_OK)
        return fail->code;
    person->card = card != NULL ? strdup(card) : NULL;
    person->common_name = common_name != NULL ? strdup(common_name) : NULL;
    people->n++;
    return CPS_OK;
}

static int is_conf(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot != NULL && dot != entry->d_name && strcmp(dot, ".conf") == 0;
}

static cps_error load_directory(struct people *people, const char *directory, struct fail *fail)
{
    struct dirent **names;
    int n = scandir(directory, &names, is_conf, alphasort);
    cps_error error = CPS_OK;

    if (n < 0)
        return errno == ENOENT ? CPS_OK : refuse(fail, directory, strerror(errno));
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
        if (error == CPS_OK)
            error = load_person(people, path, fail);
        free(names[i]);
    }
    free(names);
    return error;
}

struct people *people_new(const char *directory, struct fail *fail)
{
    struct people *people = calloc(1, sizeof *people);

    if (people == NULL)
        fail_set(fail, CPS_INTERNAL, "out of memory");
    else if (load_directory(people, directory, fail) == CPS_OK)
        return people;
    people_free(people);
    return NULL;
}

json_t *people_name(const struct people *people, const char *serial, const json_t *holder)
{
    const struct person *person;
    json_t *named;

    if (people == NULL || identity_is_person(holder))
        return NULL;
    person = find(people, serial, json_get_string(holder, "common_name"));
    if (person == NULL)
        return NULL;
    named = json_copy((json_t *)(uintptr_t)holder); /* jansson knows no const; nothing is changed */
    json_object_update(named, person->holder);
    return named;
}
