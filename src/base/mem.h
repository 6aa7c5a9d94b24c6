/* SPDX-License-Identifier: Apache-2.0
 *
 * mem - the one door to the heap.
 *
 * Thread-safe.  Every function may fail with NULL (or NOMEM); tests make the
 * n-th allocation fail with sut_mem_fault_nth() to show that callers cope.
 */
#ifndef SUT_BASE_MEM_H
#define SUT_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* As malloc, calloc, realloc and free: the one door to them.  NULL when there is no memory. */
void *sut_mem_alloc(size_t size) __attribute__((malloc, alloc_size(1), warn_unused_result));
void *sut_mem_zalloc(size_t n, size_t size)
    __attribute__((malloc, alloc_size(1, 2), warn_unused_result));
void *sut_mem_realloc(void *p, size_t size) __attribute__((alloc_size(2), warn_unused_result));
void sut_mem_free(void *p);

/* Free *p and set it to NULL; fits DEFER for any `T *`. */
void sut_mem_freep(void *pp);

/* Test hook: let the n-th allocation from now on (1 = the next) fail once; 0 switches it off. */
void sut_mem_fault_nth(unsigned long n);
/* Whether the fault that was asked for has happened. */
bool sut_mem_fault_hit(void);

#endif
