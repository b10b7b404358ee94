"""Cohere's own client: rankings and vectors. Its chat is not served."""

from cohere import ClientV2, NotFoundError

from common import ENCODER, MESSAGES, MODEL, URL, failure_of, main

client = ClientV2(api_key="none", base_url=URL)
DOCUMENTS = ["a cold hill", "a warm sea", "bread and butter"]


def rerank():
    answer = client.rerank(model=ENCODER, query="the warm sea", documents=DOCUMENTS, top_n=2)
    scores = [result.relevance_score for result in answer.results]
    assert len(scores) == 2 and 1 >= scores[0] >= scores[1] >= 0


def embed():
    answer = client.embed(model=ENCODER, texts=DOCUMENTS, input_type="search_document", embedding_types=["float"])
    lengths = [sum(x * x for x in vector) for vector in answer.embeddings.float_]
    assert len(lengths) == 3 and all(abs(length - 1) < 1e-4 for length in lengths)


def errors():
    unknown = failure_of(NotFoundError, lambda: client.rerank(model="nope", query="a", documents=DOCUMENTS))
    assert "nope" in unknown.body["message"]


def chat_is_refused():
    failure_of(NotFoundError, lambda: client.chat(model=MODEL, messages=MESSAGES))


main(rerank, embed, errors, chat_is_refused)
