/* SPDX-License-Identifier: Apache-2.0
 *
 * replay - runs a fuzz target over the files of the folders that it is given,
 * a TAP line each: what libFuzzer found once is tested by every compiler.
 * A folder that is not there is passed over; no file at all is a failure.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEED_MAX = 1 << 20 };

static int replay_file(const char *path, unsigned number)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        printf("not ok %u - %s can't be read\n", number, path);
        return 1;
    }
    /* Exactly as many bytes as the file has, so that a sanitizer sees a read behind them. */
    struct stat st;
    uint8_t *data = NULL;
    size_t n = 0;
    if (fstat(fileno(f), &st) == 0 && st.st_size <= SEED_MAX) {
        n = (size_t) st.st_size;
        data = malloc(n > 0 ? n : 1);
        if (data != NULL)
            n = fread(data, 1, n, f);
    }
    fclose(f);
    if (data == NULL) {
        printf("not ok %u - %s is too large\n", number, path);
        return 1;
    }
    (void) LLVMFuzzerTestOneInput(data, n);
    free(data);
    printf("ok %u - %s\n", number, path);
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return alphasort(a, b);
}

int main(int argc, char **argv)
{
    unsigned number = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        struct dirent **list = NULL;
        const int n = scandir(argv[i], &list, NULL, by_name);
        for (int k = 0; k < n; k++) {
            char path[4096];
            const int len = snprintf(path, sizeof(path), "%s/%s", argv[i], list[k]->d_name);
            if (list[k]->d_name[0] != '.' && len > 0 && (size_t) len < sizeof(path))
                failed |= replay_file(path, ++number);
            free(list[k]);
        }
        free(list);
    }
    if (number == 0) {
        printf("not ok 1 - no seed was found\n");
        number = 1;
        failed = 1;
    }
    printf("1..%u\n", number);
    return failed;
}
