/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence_known.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state_file.h"
#include "base/util.h"

/* "<seq> <hash> <directory>\n" */
#define LINE_MAX_LEN (20 + 1 + EVIDENCE_HASH_LEN + 1 + PATH_MAX + 1)

bool evidence_known_load(const char *state_dir, const char *directory,
                         struct evidence_head *ret_head)
{
    AUTO_FREE char *text = NULL;
    char path[PATH_MAX];
    struct fail fail;
    const char *hash;
    char *end;
    long long seq;
    size_t len;

    if (snprintf(path, sizeof path, "%s/" EVIDENCE_KNOWN_FILE, state_dir) >= PATH_MAX ||
        state_file_read(path, LINE_MAX_LEN, &text, &fail) != CPS_OK || text == NULL)
        return false;
    len = strlen(text);
    if (len == 0 || text[len - 1] != '\n')
        return false;
    text[len - 1] = '\0';
    seq = strtoll(text, &end, 10);
    hash = end + 1;
    if (seq < 1 || *end != ' ' || strcspn(hash, " ") != EVIDENCE_HASH_LEN ||
        hash[EVIDENCE_HASH_LEN] != ' ' || strcmp(hash + EVIDENCE_HASH_LEN + 1, directory) != 0)
        return false;
    ret_head->seq = seq;
    memcpy(ret_head->hash, hash, EVIDENCE_HASH_LEN);
    ret_head->hash[EVIDENCE_HASH_LEN] = '\0';
    return true;
}

void evidence_known_save(struct state_store *store, const char *directory,
                         const struct evidence_head *head)
{
    char line[LINE_MAX_LEN + 1];
    int len =
        snprintf(line, sizeof line, "%lld %s %s\n", (long long)head->seq, head->hash, directory);

    state_store_put(store, EVIDENCE_KNOWN_FILE, line, (size_t)len);
}

bool evidence_known_lost(const struct evidence_head *known, const struct evidence_head *found)
{
    return found->seq < known->seq ||
           (found->seq == known->seq && known->seq > 0 && strcmp(found->hash, known->hash) != 0);
}
