/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/file_memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define SW_NOT_FOUND 0x6A82

/* Packed: a version, then for each file the length of its path, the path, two bytes of length of
 * the content, the content. */
#define VERSION 1

struct noted {
    struct file_path path;
    bool loaded;
    size_t len;
    uint8_t *data;
};

struct file_memory {
    size_t n;
    size_t size; /* of it all, packed */
    bool doubtful;
    bool wrong; /* survives the forgetting that comes with it */
    struct noted files[FILE_MEMORY_FILES_MAX];
};

struct file_memory *file_memory_new(void)
{
    struct file_memory *memory = calloc(1, sizeof *memory);

    if (memory != NULL)
        memory->size = 1;
    return memory;
}

void file_memory_forget(struct file_memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < memory->n; i++)
        free(memory->files[i].data);
    *memory = (struct file_memory){.size = 1, .wrong = memory->wrong};
}

void file_memory_free(struct file_memory *memory)
{
    file_memory_forget(memory);
    free(memory);
}

/* Its place, n when it is not there. */
static size_t find(const struct file_memory *memory, const struct file_path *path)
{
    size_t i = 0;

    while (i < memory->n && (memory->files[i].path.len != path->len ||
                             memcmp(memory->files[i].path.bytes, path->bytes, path->len) != 0))
        i++;
    return i;
}

bool file_memory_find(const struct file_memory *memory, const struct file_path *path,
                      struct span *ret_content)
{
    size_t i = memory == NULL ? 0 : find(memory, path);

    if (memory == NULL || i == memory->n || !memory->files[i].loaded)
        return false;
    *ret_content = (struct span){memory->files[i].data, memory->files[i].len};
    return true;
}

static size_t packed_len(const struct file_path *path, size_t len)
{
    return 1 + path->len + 2 + len;
}

static void drop(struct file_memory *memory, struct noted *noted)
{
    memory->size -= packed_len(&noted->path, noted->len);
    free(noted->data);
    *noted = memory->files[--memory->n];
}

static bool add(struct file_memory *memory, const struct file_path *path, struct span content,
                bool loaded)
{
    size_t before = find(memory, path);
    uint8_t *data;

    if (before < memory->n)
        drop(memory, &memory->files[before]);
    if (memory->n == FILE_MEMORY_FILES_MAX || content.len > UINT16_MAX ||
        packed_len(path, content.len) > FILE_MEMORY_SIZE_MAX - memory->size)
        return false;
    data = malloc(content.len + 1); /* never of nothing */
    if (data == NULL)
        return false;
    if (content.len > 0)
        memcpy(data, content.data, content.len);
    memory->files[memory->n++] =
        (struct noted){.path = *path, .loaded = loaded, .len = content.len, .data = data};
    memory->size += packed_len(path, content.len);
    return true;
}

void file_memory_note(struct file_memory *memory, const struct file_path *path, struct span content)
{
    if (memory != NULL)
        (void)add(memory, path, content, false);
}

static bool take(struct span *in, size_t len, struct span *ret_taken)
{
    if (in->len < len)
        return false;
    *ret_taken = (struct span){in->data, len};
    in->data += len;
    in->len -= len;
    return true;
}

static bool load_file(struct file_memory *memory, struct span *in)
{
    struct file_path path;
    struct span len;
    struct span bytes;
    struct span content;

    if (!take(in, 1, &len) || len.data[0] > FILE_PATH_MAX || !take(in, len.data[0], &bytes))
        return false;
    path.len = bytes.len;
    memcpy(path.bytes, bytes.data, bytes.len);
    return take(in, 2, &len) && take(in, (size_t)(len.data[0] << 8 | len.data[1]), &content) &&
           content.len <= FILE_SIZE_MAX && add(memory, &path, content, true);
}

bool file_memory_load(struct file_memory *memory, struct span packed)
{
    struct span version;

    file_memory_forget(memory);
    if (!take(&packed, 1, &version) || version.data[0] != VERSION)
        return false;
    while (packed.len > 0)
        if (!load_file(memory, &packed)) {
            file_memory_forget(memory);
            return false;
        }
    memory->doubtful = memory->n > 0;
    return true;
}

bool file_memory_is_doubtful(const struct file_memory *memory)
{
    return memory != NULL && memory->doubtful;
}

void file_memory_prove(struct file_memory *memory)
{
    if (memory != NULL)
        memory->doubtful = false;
}

void file_memory_contradict(struct file_memory *memory)
{
    if (memory == NULL)
        return;
    file_memory_forget(memory);
    memory->wrong = true;
}

bool file_memory_was_wrong(const struct file_memory *memory)
{
    return memory != NULL && memory->wrong;
}

size_t file_memory_pack(const struct file_memory *memory, uint8_t *out)
{
    size_t n = 0;

    if (memory == NULL || memory->n == 0)
        return 0;
    out[n++] = VERSION;
    for (size_t i = 0; i < memory->n; i++) {
        const struct noted *noted = &memory->files[i];

        out[n++] = (uint8_t)noted->path.len;
        memcpy(out + n, noted->path.bytes, noted->path.len);
        n += noted->path.len;
        out[n++] = (uint8_t)(noted->len >> 8);
        out[n++] = (uint8_t)noted->len;
        memcpy(out + n, noted->data, noted->len);
        n += noted->len;
    }
    return n;
}

static cps_error read_card(struct transport *transport, file_select_fn select_path,
                           const struct file_path *path, const char *what, file_length_fn length_of,
                           struct file *ret_file, struct fail *fail)
{
    uint16_t sw;
    cps_error error = select_path(transport, path, &sw, fail);

    if (error == CPS_OK && sw == SW_NOT_FOUND)
        file_memory_note(transport->memory, path, (struct span){.len = 0});
    if (error == CPS_OK && sw != APDU_SW_OK)
        error = apdu_refused(what, sw, fail);
    if (error == CPS_OK)
        error = file_read(transport, what, length_of, ret_file, fail);
    if (error == CPS_OK && ret_file->len > 0)
        file_memory_note(transport->memory, path, file_span(ret_file));
    return error;
}

cps_error file_fetch(struct transport *transport, file_select_fn select_path,
                     const struct file_path *path, const char *what, file_length_fn length_of,
                     struct file *ret_file, bool *ret_selected, struct fail *fail)
{
    struct span known;
    cps_error error;

    if (!file_memory_find(transport->memory, path, &known)) {
        error = read_card(transport, select_path, path, what, length_of, ret_file, fail);
        if (error == CPS_OK)
            *ret_selected = true;
        return error;
    }
    if (known.len == 0)
        return apdu_refused(what, SW_NOT_FOUND, fail);
    memcpy(ret_file->data, known.data, known.len);
    ret_file->len = known.len;
    *ret_selected = false;
    return CPS_OK;
}
