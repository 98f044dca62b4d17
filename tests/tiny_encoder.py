"""An encoder that trains in a second: what most tests run the job on."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def save_tiny_encoder(folder: Path) -> None:
    """Save a two-layer BERT of random weights and a tokenizer of the sample's words."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    sample = ROOT / "biencoder" / "data" / "sample_corpus"
    texts = " ".join(path.read_text("utf-8").lower() for path in sorted(sample.rglob("*.txt")))
    words = sorted({word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(texts)})
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: number for number, word in enumerate(special + words)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,  # texts come out well apart, as from a trained encoder
    )
    BertModel(config).save_pretrained(folder)
