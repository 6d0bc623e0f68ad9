/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/policy_parts.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* What a pattern is made of besides characters that stand for themselves. */
#define WILDCARDS "*?[]\\"

#define REASON_MAX 128

static bool holds(char *const *words, const char *word)
{
    while (*words != NULL && strcmp(*words, word) != 0)
        words++;
    return *words != NULL;
}

/* All the words are in the other list; none is given in both, or in neither. */
static bool within(char *const *words, char *const *other)
{
    if (words == NULL || other == NULL)
        return words == other;
    while (*words != NULL && holds(other, *words))
        words++;
    return *words == NULL;
}

/* The first word that is in both lists, or NULL. */
static const char *common(char *const *words, char *const *other)
{
    while (*words != NULL && !holds(other, *words))
        words++;
    return *words;
}

static bool meet(char *const *words, char *const *other)
{
    if (words == NULL || other == NULL)
        return words == other;
    return common(words, other) != NULL;
}

static bool names_the_same(const struct policy_section *a, const struct policy_section *b)
{
    return meet(a->programs, b->programs) && meet(a->units, b->units) && meet(a->apps, b->apps) &&
           meet(a->origins, b->origins);
}

struct policy_section *policy_parts_whole(struct policy_file *file,
                                          const struct policy_section *section)
{
    struct policy_section *whole = file->sections;

    if (section->is_default)
        return NULL;
    for (; whole != section; whole++)
        if (!whole->is_default && within(section->programs, whole->programs) &&
            within(section->units, whole->units) && within(section->apps, whole->apps) &&
            within(section->origins, whole->origins))
            return whole; /* no part itself: what is within a part is within its whole, before it */
    return NULL;
}

static cps_error check_keys(const struct config *config, const struct policy_section *whole,
                            const struct policy_section *part, struct fail *fail)
{
    static const char *const of_programs[] = {"origins", "authentication", "signature", "data",
                                              "ask_pin", "login_required", "typed_pin"};
    char reason[REASON_MAX];

    for (size_t i = 0; i < sizeof of_programs / sizeof of_programs[0]; i++) {
        if (config_string(config, part->name, of_programs[i], NULL) == NULL)
            continue;
        snprintf(reason, sizeof reason, "goes by program and not by audience: say it in [%s]",
                 whole->name);
        return policy_mistake(config, part->name, of_programs[i], reason, fail);
    }
    return CPS_OK;
}

static cps_error check_audiences(const struct config *config, const struct policy_section *part,
                                 const struct policy_section *other, struct fail *fail)
{
    const char *word = other->terms.audiences != NULL && names_the_same(part, other)
                           ? common(part->terms.audiences, other->terms.audiences)
                           : NULL;
    char reason[REASON_MAX];

    if (word == NULL)
        return CPS_OK;
    snprintf(reason, sizeof reason, "[%s] has it for the same program: %s", other->name, word);
    return policy_mistake(config, part->name, "audiences", reason, fail);
}

/* The line that shows a section which lacks the key: that of whom it names. */
static const char *selector(const struct policy_section *section)
{
    if (section->programs != NULL)
        return "program";
    if (section->units != NULL)
        return "unit";
    return section->apps != NULL ? "app" : "origin";
}

cps_error policy_parts_join(const struct config *config, struct policy_section *whole,
                            struct policy_section *part, struct fail *fail)
{
    struct policy_section **end = &whole->next_part;
    char **audiences = part->terms.audiences;
    char reason[REASON_MAX];

    if (audiences == NULL || audiences[0] == NULL) {
        snprintf(reason, sizeof reason, "as in [%s]: audiences must say for whom", whole->name);
        return policy_mistake(config, part->name, audiences != NULL ? "audiences" : selector(part),
                              reason, fail);
    }
    if (check_keys(config, whole, part, fail) != CPS_OK ||
        check_audiences(config, part, whole, fail) != CPS_OK)
        return fail->code;
    for (; *end != NULL; end = &(*end)->next_part)
        if (check_audiences(config, part, *end, fail) != CPS_OK)
            return fail->code;
    part->whole = whole;
    *end = part;
    return CPS_OK;
}

/* How well the best of the patterns fits; -1: none does. */
static int precision(char *const *patterns, const char *audience)
{
    int best = -1;

    for (; patterns != NULL && *patterns != NULL; patterns++) {
        int good = 0;

        if (fnmatch(*patterns, audience, 0) != 0)
            continue;
        if (strpbrk(*patterns, WILDCARDS) == NULL)
            return INT_MAX;
        for (const char *c = *patterns; *c != '\0'; c++)
            good += strchr(WILDCARDS, *c) == NULL;
        best = good > best ? good : best;
    }
    return best;
}

const struct policy_section *policy_parts_choose(const struct policy_section *whole,
                                                 const struct policy_peer *peer,
                                                 const char *audience)
{
    const struct policy_section *chosen = whole;
    int best;

    if (whole == NULL || whole->next_part == NULL)
        return whole;
    best = precision(whole->terms.audiences, audience);
    for (const struct policy_section *part = whole->next_part; part != NULL;
         part = part->next_part) {
        int good =
            policy_section_fits(part, peer) ? precision(part->terms.audiences, audience) : -1;

        if (good > best) {
            best = good;
            chosen = part;
        }
    }
    return chosen;
}
