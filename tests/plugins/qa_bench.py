"""Questions about an English, a Chinese and a long passage, with a small model to answer them."""

from sslplugins.tasks.qa.task import QuestionAnswering
from task_bench import TaskBench, record

from sslcli import registry
from sslcli.data.text.tokenizer import Tokenizer

ENGLISH = (
    " The cafe\u0301 in Oslo opened in 1998, and Anna Berg "
    "(born 1970) ran it; later 👩\u200d💻 Tom Lee took over. "
)
CHINESE = "苹果公司由乔布斯于1976年在加州创立，总部位于库比蒂诺。后来由库克领导。"
LONG = (
    " ".join(f"word{number % 13} stands at place{number % 7} ." for number in range(40))
    + " Anna Berg lives in Oslo ."
)


def trained(kind="wordpiece", size=400):
    cls = registry.load("tokenizers", kind)
    return Tokenizer(
        cls(cls.Options()).train([ENGLISH, CHINESE, LONG, "who where when 谁 哪里"] * 3, size)
    )


def asked(question, passage, *answers):
    """`answers`: texts that stand in the passage; none for a question that has no answer."""
    listed = [{"text": text, "answer_start": passage.index(text)} for text in answers]
    return QuestionAnswering.parse(
        QuestionAnswering.Options(), record(question=question, context=passage, answers=listed)
    )


EXAMPLES = [
    asked("who ran it ?", ENGLISH, "Anna Berg"),
    asked("when ?", ENGLISH, "1998", "in 1998"),
    asked("谁 创立 ?", CHINESE, "乔布斯"),
    asked("who lives ?", LONG, "Anna Berg"),
]


def bench_of(examples=EXAMPLES, kind="wordpiece", shape=None, **options):
    return TaskBench.of(QuestionAnswering, examples, trained(kind), shape=shape, **options)
